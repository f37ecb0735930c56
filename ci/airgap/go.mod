module github.com/omninode-ai/omninode/ci/airgap

go 1.26
