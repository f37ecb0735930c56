package rehearsal_test

import (
	"testing"

	"github.com/omninode-ai/omninode/internal/rehearsal"
)

// TestFields: values are compared by what they mean, place by place.
func TestFields(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		recorded, now string
		ignored       []string
		want          []string // paths
	}{
		"the same":              {`{"a":1}`, `{"a":1}`, nil, nil},
		"order and spaces":      {`{"a":1,"b":2}`, `{ "b":2, "a":1 }`, nil, nil},
		"how a number is said":  {`{"a":1.0,"b":100}`, `{"a":1,"b":1e2}`, nil, nil},
		"nothing and null":      {`{"a":null}`, `{}`, nil, nil},
		"a field":               {`{"a":1,"b":"x"}`, `{"a":2,"b":"x"}`, nil, []string{"$.a"}},
		"in a list":             {`{"l":[{"n":1},{"n":2}]}`, `{"l":[{"n":1},{"n":3}]}`, nil, []string{"$.l[1].n"}},
		"a longer list":         {`{"l":[1]}`, `{"l":[1,2]}`, nil, []string{"$.l[1]"}},
		"another sort":          {`{"a":{"b":1}}`, `{"a":[1]}`, nil, []string{"$.a"}},
		"an object for nothing": {`{"a":null}`, `{"a":{"b":1}}`, nil, []string{"$.a"}},
		"ignored":               {`{"l":[{"n":1,"m":1}]}`, `{"l":[{"n":2,"m":2}]}`, []string{"$.l[].n"}, []string{"$.l[0].m"}},
		"large numbers":         {`9007199254740993`, `9007199254740992`, nil, []string{"$"}},
		"no JSON":               {`x`, `y`, nil, []string{"$"}},
	} {
		var got []string
		for _, f := range rehearsal.Fields([]byte(c.recorded), []byte(c.now), c.ignored) {
			got = append(got, f.Path)
		}
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
