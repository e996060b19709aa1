// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package o365messagetrace_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const troubleshooting = "docs/troubleshooting.md"

// left stands for what a document leaves out of a text, and for what the code fills in.
const left = "…"

// literal returns the text of an expression, with left for the parts that only show when the program runs.
func literal(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); e.Kind == token.STRING && err == nil {
			return text
		}
	case *ast.BinaryExpr:
		return literal(e.X) + literal(e.Y)
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.SelectorExpr); ok && name.Sel.Name == "Sprintf" {
			return literal(e.Args[0])
		}
	case *ast.Ident:
		if e.Obj != nil {
			if spec, ok := e.Obj.Decl.(*ast.ValueSpec); ok && e.Obj.Kind == ast.Con && len(spec.Values) == 1 {
				return literal(spec.Values[0])
			}
		}
	}
	return left
}

// source walks the code of the components, without their tests.
func source(t *testing.T, visit func(ast.Node) bool) {
	t.Helper()
	for _, root := range []string{"receiver", "internal", "connector", "extension", "provider"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				ast.Inspect(file, visit)
			}
			return err
		}))
	}
}

var (
	firstCell = regexp.MustCompile(`(?m)^\| (.+?) \| `)
	span      = regexp.MustCompile("`([^`]+)`")
	number    = regexp.MustCompile(`\d+( %| h|m\b)?`)
)

// named returns the texts that the tables of the page are about, section by section.
func named(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, part := range strings.Split(read(t, troubleshooting), "\n## ")[1:] {
		title, text, _ := strings.Cut(part, "\n")
		for _, cell := range firstCell.FindAllStringSubmatch(text, -1) {
			for _, each := range span.FindAllStringSubmatch(cell[1], -1) {
				found[title] = append(found[title], each[1])
			}
		}
	}
	require.Greater(t, len(found), 10)
	return found
}

func TestErrorsOfTheTroubleshootingPageExist(t *testing.T) {
	t.Parallel()
	var texts []string
	source(t, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok {
			if text := literal(e); text != left {
				texts = append(texts, text)
				_, whole := e.(*ast.BinaryExpr)
				return !whole
			}
		}
		return true
	})
	all := strings.Join(texts, "\n")
	hints := read(t, "internal/entra/hints.go")
	for title, spans := range named(t) {
		for _, text := range spans {
			if code, found := strings.CutPrefix(text, "AADSTS"); found {
				assert.Regexp(t, `\b`+code+`\b`, hints, "%s: %s", title, text)
				continue
			}
			if title == "What the log shows" {
				text = number.ReplaceAllString(text, left)
			}
			for fragment := range strings.SplitSeq(text, left) {
				if !strings.Contains(all, strings.TrimSpace(fragment)) {
					t.Errorf("%s: no code has %q", title, text)
				}
			}
		}
	}
}

func TestTroubleshootingPageNamesAllErrors(t *testing.T) {
	t.Parallel()
	var texts []string
	for _, spans := range named(t) {
		texts = append(texts, spans...)
	}
	_, hints, _ := strings.Cut(read(t, "internal/entra/hints.go"), "\nvar hints = ")
	for _, match := range regexp.MustCompile(`(?m)^\t(\d+): `).FindAllStringSubmatch(hints, -1) {
		assert.Contains(t, texts, "AADSTS"+match[1])
	}
	messages := 0
	wanted := func(e ast.Expr) {
		message := literal(e)
		if len(strings.Trim(message, left+" :%")) < len("a few words") {
			return
		}
		messages++
		assert.True(t, slices.ContainsFunc(texts, func(text string) bool {
			fragment, _, _ := strings.Cut(text, left)
			return fragment != "" && strings.Contains(message, strings.TrimSpace(fragment))
		}), "%s names no %q", troubleshooting, message)
	}
	source(t, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			method, ok := n.Fun.(*ast.SelectorExpr)
			if ok && len(n.Args) > 0 && slices.Contains([]string{"Warn", "Error", "Once"}, method.Sel.Name) {
				wanted(n.Args[0])
			}
		case *ast.FuncDecl:
			// The text of an error with a type of its own.
			if n.Name.Name == "Error" && n.Recv != nil && len(n.Type.Params.List) == 0 {
				ast.Inspect(n.Body, func(part ast.Node) bool {
					if returned, ok := part.(*ast.ReturnStmt); ok && len(returned.Results) == 1 {
						wanted(returned.Results[0])
					}
					return true
				})
			}
		}
		return true
	})
	assert.Greater(t, messages, 30)
}
