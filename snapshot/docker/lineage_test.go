package docker_test

import (
	"testing"

	"github.com/snapback/snapback/snapshot/docker"
)

func TestKeysOutliveTheNamesThatToolsMake(t *testing.T) {
	type labels = map[string]string
	kamal := labels{"service": "shop", "role": "web", "destination": ""}
	staging := labels{"service": "shop", "role": "web", "destination": "staging"}
	coolify := func(service string) labels {
		return labels{
			"coolify.managed": "true", "coolify.applicationId": "7", "com.docker.compose.project": "wg8k",
			"com.docker.compose.service": service, "com.docker.compose.container-number": "1",
		}
	}
	dokku := labels{"com.dokku.app-name": "shop", "com.dokku.process-type": "web", "com.dokku.dyno": "web.1"}
	const sha = "9a7c1d5f0b3e2a4c6d8e9f0a1b2c3d4e5f607182"
	for what, c := range map[string]struct {
		name   string
		labels labels
		want   string
	}{
		"a name":                          {"web", nil, "E/name/web"},
		"kamal":                           {"shop-web-v1", kamal, "E/kamal/shop/web"},
		"kamal, the next":                 {"shop-web-v2", kamal, "E/kamal/shop/web"},
		"kamal, replaced":                 {"shop-web-v2_replaced_0a1b2c3d", kamal, "E/kamal/shop/web"},
		"kamal with a destination":        {"shop-web-staging-v2", staging, "E/kamal/shop/web/staging"},
		"kamal, early":                    {"shop-web-" + sha, labels{"service": "shop", "role": "web"}, "E/kamal/shop/web"},
		"labels like Kamal's":             {"shop-web-1", labels{"service": "shop", "role": "web"}, "E/name/shop-web-1"},
		"labels like Kamal's, other name": {"front", kamal, "E/name/front"},
		"kamal's accessory":               {"shop-db", labels{"service": "shop-db"}, "E/name/shop-db"},
		"coolify":                         {"wg8k-104512123456", coolify("wg8k-104512123456"), "E/coolify/7/wg8k"},
		"coolify, the next":               {"wg8k-201512999999", coolify("wg8k-201512999999"), "E/coolify/7/wg8k"},
		"coolify, letters":                {"wg8k-k2j4h5g6", coolify("wg8k-k2j4h5g6"), "E/coolify/7/wg8k"},
		"coolify, the same name always":   {"wg8k", coolify("wg8k"), "E/compose/wg8k/wg8k/1"},
		"coolify, a Compose file":         {"front-office-wg8k-104512123456", coolify("front-office"), "E/compose/wg8k/front-office/1"},
		"dokku":                           {"shop.web.1", dokku, "E/name/shop.web.1"},
		"dokku, the next":                 {"shop.web.1.upcoming-4711", dokku, "E/name/shop.web.1"},
		"dokku, the old one":              {"shop.web.1.1764331372", dokku, "E/name/shop.web.1"},
		"labels like Dokku's":             {"mine", dokku, "E/name/mine"},
		"identity":                        {"api-blue", labels{"snapback.identity": "api"}, "E/identity/api"},
		"identity of the second member": {"p-web-2", labels{"snapback.identity": "api", "com.docker.compose.project": "p",
			"com.docker.compose.service": "web", "com.docker.compose.container-number": "2"}, "E/identity/api/2"},
		"identity that is none": {"api-blue", labels{"snapback.identity": "a/b"}, "E/name/api-blue"},
	} {
		if got := docker.Key("E", c.name, c.labels); got != c.want {
			t.Errorf("%s: %s is %s, want %s", what, c.name, got, c.want)
		}
	}
}
