package provision

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/omninode-ai/omninode/onex/config"
)

// scramIterations is what Postgres itself uses by default.
const scramIterations = 4096

// scramVerifier returns what Postgres stores for a password (RFC 5803). It is made here, so that the
// password never travels in a statement, which the server might log. Passwords beyond ASCII would need
// normalising and are refused; those made here are ASCII.
func scramVerifier(password config.Secret, salt []byte) (string, error) {
	for _, c := range password.Reveal() {
		if c < ' ' || c > '~' {
			return "", errors.New("its password holds characters beyond ASCII")
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, scramIterations, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("derive key: %w", err)
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// setPassword lets a role log in with the password and no other.
func setPassword(ctx context.Context, conn *pgx.Conn, role string, password config.Secret) error {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	verifier, err := scramVerifier(password, salt)
	if err != nil {
		return fmt.Errorf("set the password of role %q: %w", role, err)
	}
	// Base64, digits, $ and : only, so it needs no escaping; ALTER ROLE takes no parameters.
	if _, err := conn.Exec(ctx, `ALTER ROLE `+quote(role)+` PASSWORD '`+verifier+`'`); err != nil {
		return fmt.Errorf("set the password of role %q: %w", role, err)
	}
	return nil
}
