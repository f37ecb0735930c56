package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	httpPort      = 8080
	userID        = 65532 // the unprivileged user of the images
	graceSeconds  = 15    // the runtime drains for 5 s and then closes its clients
	secretIDDir   = "/run/secrets/omninode"
	secretIDFile  = secretIDDir + "/secret_id"
	labelName     = "app.kubernetes.io/name"
	labelVersion  = "app.kubernetes.io/version"
	labelKind     = "app.kubernetes.io/component"
	labelManaged  = "app.kubernetes.io/managed-by"
	noteContract  = "omninode.ai/contract-sha256"
	noteConfig    = "omninode.ai/config-sha256"
	configSuffix  = "-config"
	approleSuffix = "-approle"
)

func (in Input) namespace() *corev1.Namespace {
	return &corev1.Namespace{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
		ObjectMeta: metav1.ObjectMeta{Name: in.Values.Namespace, Labels: map[string]string{labelManaged: "omninode"}},
	}
}

// objects returns the objects of one node in the order they are applied.
func (in Input) objects(n Node) []any {
	list := []any{in.account(n), in.configMap(n), in.service(n), in.deployment(n)}
	if scaler := in.autoscaler(n); scaler != nil {
		list = append(list, scaler)
	}
	return list
}

func (in Input) meta(n Node, suffix string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: n.Contract.Node + suffix, Namespace: in.Values.Namespace,
		Labels: map[string]string{
			labelName: n.Contract.Node, labelVersion: n.Contract.Version,
			labelKind: string(n.Contract.Kind), labelManaged: "omninode",
		},
	}
}

// account is an identity without rights: a node asks Vault and Consul, never the cluster.
func (in Input) account(n Node) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{
		TypeMeta:                     metav1.TypeMeta{APIVersion: "v1", Kind: "ServiceAccount"},
		ObjectMeta:                   in.meta(n, ""),
		AutomountServiceAccountToken: new(false),
	}
}

func (in Input) configMap(n Node) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: in.meta(n, configSuffix),
		Data:       n.Config,
	}
}

func (in Input) service(n Node) *corev1.Service {
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: in.meta(n, ""),
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{labelName: n.Contract.Node},
			Ports:    []corev1.ServicePort{{Name: "http", Port: httpPort, TargetPort: intstr.FromString("http")}},
		},
	}
}

func (in Input) deployment(n Node) *appsv1.Deployment {
	meta := in.meta(n, "")
	meta.Annotations = map[string]string{noteContract: n.Contract.SHA256}
	return &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: in.replicas(n),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{labelName: n.Contract.Node}},
			Strategy: appsv1.DeploymentStrategy{
				Type: appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{
					MaxUnavailable: new(intstr.FromInt32(0)), MaxSurge: new(intstr.FromInt32(1)),
				},
			},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels: meta.Labels,
					// A changed configuration rolls the pods; environment variables are read once.
					Annotations: map[string]string{noteConfig: fingerprint(n.Config)},
				},
				Spec: in.pod(n),
			},
		},
	}
}

// replicas is left to the autoscaler if there is one: applying a manifest must not undo what it did.
func (in Input) replicas(n Node) *int32 {
	if in.autoscaler(n) != nil {
		return nil
	}
	return new(n.Replicas)
}

func (in Input) pod(n Node) corev1.PodSpec {
	return corev1.PodSpec{
		ServiceAccountName:            n.Contract.Node,
		AutomountServiceAccountToken:  new(false),
		EnableServiceLinks:            new(false),
		TerminationGracePeriodSeconds: new(int64(graceSeconds)),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: new(true), RunAsUser: new(int64(userID)), RunAsGroup: new(int64(userID)),
			FSGroup:        new(int64(userID)),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{in.container(n)},
		Volumes: []corev1.Volume{{
			Name: "approle",
			VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
				SecretName: n.Contract.Node + approleSuffix, DefaultMode: new(int32(0o440)),
			}},
		}},
	}
}

func (in Input) container(n Node) corev1.Container {
	size := in.Values.sizing(n.Contract)
	return corev1.Container{
		Name: n.Contract.Node, Image: n.Image.String(),
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: httpPort}},
		EnvFrom: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: n.Contract.Node + configSuffix},
		}}},
		Env: []corev1.EnvVar{
			fieldVar("ONEX_INSTANCE", "metadata.name"),
			fieldVar("ONEX_ADVERTISE_ADDR", "status.podIP"),
			{Name: "ONEX_HTTP_ADDR", Value: fmt.Sprintf(":%d", httpPort)},
			{Name: "GOMEMLIMIT", Value: size.goMemoryLimit()},
		},
		LivenessProbe:  probe("/healthz", 10, 3),
		ReadinessProbe: probe("/readyz", 2, 2),
		Resources:      size.requirements(),
		SecurityContext: &corev1.SecurityContext{
			ReadOnlyRootFilesystem: new(true), AllowPrivilegeEscalation: new(false),
			Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "approle", MountPath: secretIDDir, ReadOnly: true}},
	}
}

func fieldVar(name, field string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{
		FieldRef: &corev1.ObjectFieldSelector{FieldPath: field},
	}}
}

func probe(path string, period, failures int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromString("http"),
		}},
		PeriodSeconds: period, FailureThreshold: failures, TimeoutSeconds: 2,
	}
}

// fingerprint hashes a configuration, so that a change of it changes the pod template.
func fingerprint(config map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(h, "%q=%q\n", k, config[k])
	}
	return hex.EncodeToString(h.Sum(nil))
}
