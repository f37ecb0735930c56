package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// encode renders objects as YAML documents and reads them back strictly, so that nothing leaves this
// package that the typed API would not accept.
func encode(objects []any) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range objects {
		if i > 0 {
			out.WriteString("---\n")
		}
		doc, err := document(o)
		if err != nil {
			return nil, err
		}
		out.Write(doc)
	}
	if err := Check(out.Bytes()); err != nil {
		return nil, fmt.Errorf("check own output: %w", err)
	}
	return out.Bytes(), nil
}

// document renders one object without its status, which belongs to the cluster.
func document(o any) ([]byte, error) {
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", o, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("encode %T: %w", o, err)
	}
	delete(fields, "status")
	return yaml.Marshal(fields)
}

// Check decodes every document of a manifest strictly into the type it claims to be. Unknown and
// duplicate fields, wrong types and unknown kinds are errors.
func Check(src []byte) error {
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(src)))
	for n := 1; ; n++ {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
		if err := checkDocument(doc); err != nil {
			return fmt.Errorf("document %d: %w", n, err)
		}
	}
}

func checkDocument(doc []byte) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		return fmt.Errorf("decode kind: %w", err)
	}
	object, ok := blank(kind)
	if !ok {
		return fmt.Errorf("kind %s of %s is not one this program writes", kind.Kind, kind.APIVersion)
	}
	if err := yaml.UnmarshalStrict(doc, object); err != nil {
		return fmt.Errorf("decode %s: %w", kind.Kind, err)
	}
	return nil
}

// blank returns an empty object of a kind.
func blank(k metav1.TypeMeta) (any, bool) {
	switch k.APIVersion + "/" + k.Kind {
	case "v1/Namespace":
		return &corev1.Namespace{}, true
	case "v1/ServiceAccount":
		return &corev1.ServiceAccount{}, true
	case "v1/ConfigMap":
		return &corev1.ConfigMap{}, true
	case "v1/Service":
		return &corev1.Service{}, true
	case "apps/v1/Deployment":
		return &appsv1.Deployment{}, true
	case "autoscaling/v2/HorizontalPodAutoscaler":
		return &autoscalingv2.HorizontalPodAutoscaler{}, true
	default:
		return nil, false
	}
}
