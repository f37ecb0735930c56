package main

import (
	"context"
)

const regenerate = `set -eu
cp -a nodes /tmp/committed
find nodes \( -name '*.gen.go' -o -name '*.gen_test.go' \) -delete
omninode generate --nodes nodes >/dev/null
diff -ruN /tmp/committed nodes || {
  echo "error: the generated files differ from their contracts; lines with + are what the generator writes now" >&2
  exit 1
}
echo "regenerated $(find nodes -name '*.gen*.go' | wc -l) files, no difference"`

// Regenerate the nodes and fail unless nothing changed.
//
// All generated files are deleted and written again by the command built from this source.
func (m *Omninode) Generate(ctx context.Context) (string, error) {
	out, err := m.tool().
		WithMountedFile("/src/go.mod", m.Source.File("go.mod")).
		WithDirectory("/src/nodes", m.Source.Directory("nodes")).
		WithExec([]string{"sh", "-c", regenerate}).
		Stdout(ctx)
	if err != nil {
		f := explain("regenerate the nodes", "generate", err)
		f.Next = "make generate"
		return "", f
	}
	return out, nil
}
