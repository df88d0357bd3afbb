package terminal

// Player is what plays recordings within a page that holds it inline, such as a post-mortem: a script and its styles. Both are nil
// in a build without the front end. The script looks for elements with data-cast="ID", and plays what the element cast-ID holds: an
// asciicast, compressed by gzip, in base64. It needs 'wasm-unsafe-eval' of the page's policy.
func (s *Service) Player() (script, style []byte) {
	return s.front.Body("player.js"), s.front.Body("player.css")
}
