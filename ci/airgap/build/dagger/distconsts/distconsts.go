// Package distconsts stands in for the module of the same path inside Dagger's
// own tree, which is not published by itself. It holds only the names that the
// programs built here compile against; their values are the paths and names
// that the engine image of airgap lays out (see ../../../images/engine).
package distconsts

// Where the engine finds its helpers and keeps its state, inside its container.
const (
	RuncPath                         = "/usr/local/bin/runc"
	DaggerInitPath                   = "/usr/local/bin/dagger-init"
	EngineDefaultStateDir            = "/var/lib/dagger"
	EngineContainerBuiltinContentDir = "/usr/local/share/dagger/content"
	EngineCustomCACertsDir           = "/usr/local/share/ca-certificates"
	DefaultEngineSockAddr            = "unix:///run/dagger/engine.sock"
)

// EngineContainerName is the container that a CLI built here looks for when no
// runner host is given.
const EngineContainerName = "dagger-engine.dev"

// Environment of the engine that names the built-in SDK images by digest.
const (
	GoSDKManifestDigestEnvName         = "DAGGER_GO_SDK_MANIFEST_DIGEST"
	PythonSDKManifestDigestEnvName     = "DAGGER_PYTHON_SDK_MANIFEST_DIGEST"
	TypescriptSDKManifestDigestEnvName = "DAGGER_TYPESCRIPT_SDK_MANIFEST_DIGEST"
)

// OCIVersionAnnotation is the image annotation `dagger version` reads.
const OCIVersionAnnotation = "org.opencontainers.image.version"

// AlpineImage is what `terminal` opens when a container names no other image.
const AlpineImage = "alpine:3.22.1"
