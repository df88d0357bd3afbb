package docker

import "testing"

func TestRootIsReadFromContainerdsConfiguration(t *testing.T) {
	t.Parallel()
	for config, want := range map[string]string{
		"": "", "version = 2\nroot = \"/data/containerd\" # big\n": "/data/containerd", "root='/mnt/c d'": "/mnt/c d",
		"#root = \"/x\"\n": "", "state = \"/run\"\n[plugins.foo]\nroot = \"/x\"": "", "rootless = true": "",
	} {
		if got := rootOf([]byte(config)); got != want {
			t.Errorf("%q: %q, want %q", config, got, want)
		}
	}
}
