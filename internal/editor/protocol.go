package editor

// The part of the Language Server Protocol 3.17 that the server speaks.
type (
	// position counts lines from 0 and characters in UTF-16 code units.
	position struct {
		Line      int `json:"line"`
		Character int `json:"character"`
	}
	span struct {
		Start position `json:"start"`
		End   position `json:"end"`
	}
	location struct {
		URI   string `json:"uri"`
		Range span   `json:"range"`
	}
	textEdit struct {
		Range   span   `json:"range"`
		NewText string `json:"newText"`
	}
	workspaceEdit struct {
		Changes map[string][]textEdit `json:"changes"`
	}
	document struct {
		URI  string `json:"uri"`
		Text string `json:"text,omitempty"`
	}
	documentParams struct {
		TextDocument document `json:"textDocument"`
	}
	changeParams struct {
		TextDocument   document `json:"textDocument"`
		ContentChanges []struct {
			Text string `json:"text"`
		} `json:"contentChanges"`
	}
	cursorParams struct {
		TextDocument document `json:"textDocument"`
		Position     position `json:"position"`
	}
	actionParams struct {
		TextDocument document `json:"textDocument"`
		Range        span     `json:"range"`
	}
	folder struct {
		URI string `json:"uri"`
	}
	initializeParams struct {
		RootURI string   `json:"rootUri"`
		Folders []folder `json:"workspaceFolders"`
	}
	initializeResult struct {
		Capabilities capabilities `json:"capabilities"`
		ServerInfo   serverInfo   `json:"serverInfo"`
	}
	serverInfo struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	capabilities struct {
		TextDocumentSync   int               `json:"textDocumentSync"` // 1: a change sends the whole text
		HoverProvider      bool              `json:"hoverProvider"`
		DefinitionProvider bool              `json:"definitionProvider"`
		CompletionProvider completionOptions `json:"completionProvider"`
		CodeActionProvider bool              `json:"codeActionProvider"`
	}
	completionOptions struct {
		TriggerCharacters []string `json:"triggerCharacters"`
	}
	publishParams struct {
		URI         string       `json:"uri"`
		Diagnostics []diagnostic `json:"diagnostics"`
	}
	diagnostic struct {
		Range    span      `json:"range"`
		Severity int       `json:"severity"` // 1: an error
		Code     string    `json:"code"`
		Source   string    `json:"source"`
		Message  string    `json:"message"`
		Related  []related `json:"relatedInformation,omitempty"`
	}
	related struct {
		Location location `json:"location"`
		Message  string   `json:"message"`
	}
	hover struct {
		Contents markup `json:"contents"`
	}
	markup struct {
		Kind  string `json:"kind"`
		Value string `json:"value"`
	}
	completionItem struct {
		Label         string    `json:"label"`
		Kind          int       `json:"kind"`
		Detail        string    `json:"detail,omitempty"`
		Documentation *markup   `json:"documentation,omitempty"`
		TextEdit      *textEdit `json:"textEdit"`
	}
	codeAction struct {
		Title       string        `json:"title"`
		Kind        string        `json:"kind"`
		Diagnostics []diagnostic  `json:"diagnostics,omitempty"`
		IsPreferred bool          `json:"isPreferred,omitempty"`
		Edit        workspaceEdit `json:"edit"`
	}
)

// Kinds of completion items.
const (
	itemProperty  = 10
	itemValue     = 12
	itemReference = 18
)

func markdown(text string) markup { return markup{Kind: "markdown", Value: text} }
