package terminal_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// step is one thing that a keyboard does to the field that it types into. What it changes is at the field's end.
type step struct {
	Do   string `json:"do"`   // key, start, end, or an input's type
	Data string `json:"data"` // of an input or a composition
	Cut  int    `json:"cut"`  // characters that are taken back first
	Code int    `json:"code"` // of a key
}

// replay has the page's hidden field see what a keyboard was seen to do.
const replay = `window.replay = steps => {
	const f = document.querySelector('.xterm-helper-textarea'), all = {bubbles: true, composed: true, cancelable: true};
	for (const s of steps) {
		if (s.do === 'key') f.dispatchEvent(new KeyboardEvent('keydown', {...all, keyCode: s.code, key: s.code === 229 ? 'Unidentified' : s.data, isComposing: false}));
		else if (s.do === 'start' || s.do === 'end') f.dispatchEvent(new CompositionEvent('composition' + s.do, {...all, data: s.data}));
		else {
			const what = {...all, inputType: s.do, data: s.data || null};
			f.dispatchEvent(new InputEvent('beforeinput', what));
			if (s.do === 'insertCompositionText') f.dispatchEvent(new CompositionEvent('compositionupdate', what));
			f.value = f.value.slice(0, f.value.length - s.cut) + s.data;
			f.dispatchEvent(new InputEvent('input', what));
		}
	}
}`

func press() step          { return step{Do: "key", Code: 229} }
func put(text string) step { return step{Do: "insertText", Data: text} }
func remove(n int) step    { return step{Do: "deleteContentBackward", Cut: n} }
func composed(cut int, text string) step {
	return step{Do: "insertCompositionText", Cut: cut, Data: text}
}
func began() step             { return step{Do: "start"} }
func chosen(text string) step { return step{Do: "end", Data: text} }
func replaced(cut int, text string) step {
	return step{Do: "insertReplacementText", Cut: cut, Data: text}
}
func fromKeyboard(steps ...step) []step { return steps }

// keyboards are sequences as they were seen, and what a line has to hold after them.
var keyboards = map[string]struct {
	steps []step
	want  string
}{
	"GBoard, a word that is corrected": {fromKeyboard(
		press(), began(), composed(0, "t"), press(), composed(1, "te"), press(), composed(2, "teh"),
		press(), composed(3, "the"), chosen("the"), put(" ")), "the "},
	"GBoard, a correction that is taken back": {fromKeyboard(
		press(), began(), composed(0, "teh"), composed(3, "the"), chosen("the"), put(" "),
		press(), remove(1), remove(3), put("teh")), "teh"},
	"GBoard, swipes": {fromKeyboard(
		press(), began(), composed(0, "tail"), press(), chosen("tail"), put(" "), began(), composed(0, "messages"), chosen("messages")), "tail messages"},
	"GBoard, a word is composed again after a deletion": {fromKeyboard(
		press(), began(), composed(0, "hello"), chosen("hello"), put(" "), press(), remove(1),
		began(), press(), composed(5, "hell"), press(), composed(4, "help"), chosen("help")), "help"},
	"GBoard, digits and signs":            {fromKeyboard(press(), put("1"), press(), put("|"), press(), put("~")), "1|~"},
	"GBoard, more deletions than letters": {fromKeyboard(press(), put("a"), press(), remove(1), press(), remove(1), press(), put("b")), "b"},
	"Samsung, no composition at all": {fromKeyboard(
		press(), put("g"), press(), put("r"), press(), put("p"), press(), remove(3), put("grep"), press(), put(" ")), "grep "},
	"Samsung, the whole word at each key": {fromKeyboard(
		press(), began(), composed(0, "l"), press(), composed(1, "ls"), press(), chosen("ls"), composed(2, "ls "), put("-")), "ls -"},
	"iOS, a suggestion that replaces":      {fromKeyboard(put("t"), put("e"), put("h"), replaced(3, "the"), put(" ")), "the "},
	"iOS, a suggestion":                    {fromKeyboard(put("hello ")), "hello "},
	"iOS, dictation that changes its mind": {fromKeyboard(put("list"), replaced(4, "listen"), replaced(6, "list files")), "list files"},
	"iOS, Korean":                          {fromKeyboard(press(), put("ㅎ"), press(), remove(1), put("하"), press(), remove(1), put("한")), "한"},
	"pinyin":                               {fromKeyboard(press(), began(), composed(0, "n"), composed(1, "ni"), composed(2, "你"), chosen("你")), "你"},
	"an accent":                            {fromKeyboard(press(), began(), composed(0, "cafe"), composed(4, "café"), chosen("café")), "café"},
	"faces":                                {fromKeyboard(put("👍"), put("👎"), remove(2)), "👍"},
	"Safari, a composition that ends before its input": {fromKeyboard(press(), began(), composed(0, "´"), chosen("é"), step{Do: "insertFromComposition", Cut: 1, Data: "é"}), "é"},
}

// edited is what is in an editor's line after it was sent keys.
func edited(keys string) string {
	var out []rune
	for _, r := range keys {
		if r != '\x7f' {
			out = append(out, r)
		} else if len(out) > 0 {
			out = out[:len(out)-1]
		}
	}
	return string(out)
}

func TestNoKeyboardDoublesOrLosesWhatIsTyped(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.do(chromedp.Evaluate[chromedp.Void](replay + `; void 0`))
	for name, c := range keyboards {
		p.forgetTyped()
		steps, _ := json.Marshal(c.steps)
		p.do(chromedp.Evaluate[chromedp.Void](`replay(` + string(steps) + `)`))
		got := ask(p, chromedp.Evaluate[string](`typed.join('')`))
		if edited(got) != c.want {
			t.Errorf("%s: the line holds %q, of %q, and should hold %q", name, edited(got), got, c.want)
		}
		p.tap(`#keys button[aria-label="Control C"]`) // the next one begins with an empty line
	}
	p.wantQuiet()
}

// TestAKeyDoesNotWaitForItsWord has a program that reads single keys, and a keyboard that composes words.
func TestAKeyDoesNotWaitForItsWord(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.typeIn("stty -icanon -echo; head -c 2 | od -c; stty sane; echo do''ne\n")
	p.do(chromedp.Evaluate[chromedp.Void](replay + `; replay([{do: 'key', code: 229}, {do: 'start'}, {do: 'insertCompositionText', data: 'q', cut: 0}, {do: 'insertCompositionText', data: 'qx', cut: 1}])`))
	p.wait("both keys have come", ".xterm-rows", "q   x")
	p.wait("and no others", ".xterm-rows", "done")
	p.wantQuiet()
}

func (p *phone) composes(text string) {
	p.t.Helper()
	p.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.ImeSetComposition, input.ImeSetCompositionParams{Text: text, SelectionStart: int64(len(text)), SelectionEnd: int64(len(text))})
		return err
	}))
}

// TestTheBrowsersOwnCompositionComesOnce composes as a keyboard does with the browser, and chooses another word in the end.
func TestTheBrowsersOwnCompositionComesOnce(t *testing.T) {
	t.Parallel()
	_, p := prompted(t)
	p.typeIn("echo ")
	for _, word := range []string{"t", "te", "teh"} {
		p.composes(word)
	}
	p.typeIn("the")
	p.typeIn(" ")
	p.composes("ende")
	p.typeIn("end")
	p.typeIn("\n")
	within(t, time.Minute, "the shell answers, once", func() bool { return p.shows("the end") == 1 })
	if got := edited(strings.TrimSuffix(ask(p, chromedp.Evaluate[string](`typed.join('')`)), "\r")); got != "echo the end" {
		t.Errorf("what was typed comes to %q", got)
	}
	p.composes("日")
	p.wait("what is chosen last is in sight", "#preedit", "日")
	p.picture("50-preedit")
	p.composes("日本")
	p.typeIn("日本")
	p.yes("it has come", `typed.join('').endsWith('日本') && document.querySelector('#preedit').hidden`)
	p.wantQuiet()
}
