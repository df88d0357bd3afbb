package mask_test

import (
	"fmt"

	"github.com/snapback/snapback/internal/mask"
)

// A variable is masked for its name, or for the look of its value.
func ExampleSecret() {
	fmt.Println(mask.Secret("DB_POOL", "20"))
	fmt.Println(mask.Secret("API_KEY", "v1-abc"))
	fmt.Println(mask.Secret("UPSTREAM", "https://shop:hunter22@db.example.com/"))
	// Output:
	// false
	// true
	// true
}

// What a container has as secrets is taken out of its logs, in whatever form it stands there.
func ExampleText() {
	secrets := mask.Secrets([]string{"DB_PASSWORD=correct horse battery", "DB_POOL=20"})
	fmt.Println(mask.Text("20 connections to db?password=correct+horse+battery", secrets))
	// Output:
	// 20 connections to db?password=[masked]
}
