package codegen_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// editCode changes the scaffolds the way people do, in a few random ways. The result compiles.
func (c *trial) editCode() {
	c.t.Helper()
	handler := filepath.Join(c.dir, "shop", "handler.go")
	src := string(read(c.t, handler))
	for _, edit := range []func(string) string{
		c.pointerReceiver, c.renameHandler, c.useFields, c.useConfig, c.comments, c.carriageReturns, c.splitMethods, c.embed, c.helpers,
	} {
		if c.r.IntN(3) == 0 {
			src = edit(src)
		}
	}
	c.write("handler.go", src)
}

func (c *trial) write(name, src string) {
	c.t.Helper()
	if err := os.WriteFile(filepath.Join(c.dir, "shop", name), []byte(src), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *trial) pointerReceiver(src string) string {
	src = strings.ReplaceAll(src, "func (h handler)", "func (h *handler)")
	return strings.ReplaceAll(src, "return handler{", "return &handler{")
}

func (c *trial) renameHandler(src string) string {
	src = regexp.MustCompile(`\bhandler\{`).ReplaceAllString(src, "service{")
	src = strings.ReplaceAll(src, "type handler struct", "type service struct")
	return regexp.MustCompile(`func \(h (\*?)handler\)`).ReplaceAllString(src, "func (h ${1}service)")
}

// useFields reads properties of the payload.
func (c *trial) useFields(src string) string {
	return regexp.MustCompile(`(in onex\.Input\[\w+\][^{]*\{\n)`).ReplaceAllString(src, "$1\t_ = in.Data.Amount + 1\n\tif in.Data.Note != nil {\n\t\t_ = len(*in.Data.Note)\n\t}\n")
}

func (c *trial) useConfig(src string) string {
	return src + "\n// limit says how much is enough.\nfunc limit(cfg Config) int64 { return cfg.Limit * 2 }\n"
}

func (c *trial) comments(src string) string {
	return strings.ReplaceAll(src, "\nfunc ", "\n\n//   oddly   formatted\nfunc   ")
}

func (c *trial) carriageReturns(src string) string { return strings.ReplaceAll(src, "\n", "\r\n") }

// splitMethods moves the last method to a file of its own.
func (c *trial) splitMethods(src string) string {
	i := strings.LastIndex(src, "\nfunc (h ")
	if i < 0 || strings.Contains(src[i:], "func limit") || strings.Contains(src, "\r") {
		return src
	}
	part := src[i:]
	imports := ""
	for _, p := range []struct{ use, path string }{{"context.", `"context"`}, {"onex.", `"github.com/omninode-ai/omninode/onex"`}} {
		if strings.Contains(part, p.use) {
			imports += "import " + p.path + "\n"
		}
		if !strings.Contains(strings.ReplaceAll(src[:i], `"github.com/omninode-ai/omninode/onex"`, ""), p.use) {
			src = strings.Replace(src, "\t"+p.path+"\n", "", 1)
			src = strings.Replace(src, "import "+p.path+"\n", "", 1)
			i = strings.LastIndex(src, "\nfunc (h ")
		}
	}
	c.write("more.go", "package shop\n\n"+imports+part)
	return src[:i]
}

// embed gives the handler a part that generated code never sees.
func (c *trial) embed(src string) string {
	c.write("clock.go", "package shop\n\n// Clock is no type of any contract.\ntype Clock struct{}\n\nfunc (Clock) now() int { return 0 }\n")
	return strings.Replace(src, "struct {\n", "struct {\n\tClock\n", 1)
}

// helpers uses generated names outside of the handler's methods.
func (c *trial) helpers(src string) string {
	c.write("helper.go", "package shop\n\nfunc double(c Config) (Config, Config) { return c, c }\n\nfunc same(h Handler) Handler { return h }\n")
	return src
}
