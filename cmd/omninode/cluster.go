package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/yaml"
)

// kubeconfig is the part of a kubectl configuration that leads to a server.
type kubeconfig struct {
	CurrentContext string `json:"current-context"`
	Contexts       []struct {
		Name    string `json:"name"`
		Context struct {
			Cluster string `json:"cluster"`
		} `json:"context"`
	} `json:"contexts"`
	Clusters []struct {
		Name    string `json:"name"`
		Cluster struct {
			Server string `json:"server"`
		} `json:"cluster"`
	} `json:"clusters"`
}

// server returns the URL of the current context's cluster.
func (k kubeconfig) server() (string, error) {
	for _, c := range k.Contexts {
		if c.Name != k.CurrentContext {
			continue
		}
		for _, cluster := range k.Clusters {
			if cluster.Name == c.Context.Cluster && cluster.Cluster.Server != "" {
				return cluster.Cluster.Server, nil
			}
		}
	}
	return "", fmt.Errorf("its context %q leads to no cluster", k.CurrentContext)
}

// cluster returns the server that kubectl would talk to, if something listens there.
func (a *app) cluster(ctx context.Context) (string, error) {
	file, err := a.kubeconfigFile()
	if err != nil {
		return "", err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("no cluster is configured: %w", err)
	}
	var k kubeconfig
	if err := yaml.Unmarshal(src, &k); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	server, err := k.server()
	if err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	return server, reach(ctx, server)
}

// kubeconfigFile returns where the configuration of kubectl is.
func (a *app) kubeconfigFile() (string, error) {
	if list, _ := a.env("KUBECONFIG"); list != "" {
		return filepath.SplitList(list)[0], nil
	}
	home, _ := a.env("HOME")
	if home == "" {
		return "", errors.New("no cluster is configured: neither KUBECONFIG nor HOME is set")
	}
	return filepath.Join(home, ".kube", "config"), nil
}

// reach opens a connection to the server of a cluster and closes it again.
func reach(ctx context.Context, server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("cluster %q: %w", server, err)
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "443")
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", host)
	if err != nil {
		return fmt.Errorf("the cluster does not answer: %w", err)
	}
	return conn.Close()
}
