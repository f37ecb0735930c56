package config

// Credentials are a user name with its password, made for this node by the secret store and valid
// while the store prolongs them.
type Credentials struct {
	Username string
	Password Secret
}

// The two values that credentials consist of: what follows their key in the names of settings,
// variables and files.
const (
	UsernameSuffix = "_username"
	PasswordSuffix = "_password"
)

// Credentials reads the two values of a secret with a database role. They must come from one source,
// since a user name of one does not go with a password of another.
func (r *Reader) Credentials(key string) Credentials {
	name, hasName := r.get(key + UsernameSuffix)
	password, hasPassword := r.get(key + PasswordSuffix)
	if !hasName || !hasPassword {
		return Credentials{}
	}
	if name.source != password.source {
		r.violate(password, "comes from "+password.source+", its user name from "+name.source+"; give both in one place")
		return Credentials{}
	}
	return Credentials{Username: name.text.Reveal(), Password: password.text}
}
