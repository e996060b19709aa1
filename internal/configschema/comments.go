// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package configschema

import (
	"errors"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// comments are those of a package.
type comments struct {
	// fields are those of the fields of structs, by type and field: "Config.PollInterval".
	fields map[string]string
	// constants are those of texts, by the name of their type.
	constants map[string][]constant
}

type constant struct{ name, value, comment string }

// commentsOf returns the comments of the package of t, which are read from its source when they are first needed.
func (g *generator) commentsOf(t reflect.Type) *comments {
	if g.packages[t.PkgPath()] == nil {
		c := &comments{fields: map[string]string{}, constants: map[string][]constant{}}
		if t.PkgPath() != "" {
			g.err = errors.Join(g.err, c.read(t.PkgPath()))
		}
		g.packages[t.PkgPath()] = c
	}
	return g.packages[t.PkgPath()]
}

func (c *comments) read(path string) error {
	where, err := build.Import(path, ".", 0)
	if err != nil {
		return err
	}
	for _, name := range where.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(where.Dir, name), nil, parser.ParseComments)
		if err != nil {
			return err
		}
		ast.Inspect(file, c.visit)
	}
	return nil
}

func (c *comments) visit(node ast.Node) bool {
	switch spec := node.(type) {
	case *ast.TypeSpec:
		if s, isStruct := spec.Type.(*ast.StructType); isStruct {
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					c.fields[spec.Name.Name+"."+name.Name] = oneLine(field.Doc)
				}
			}
		}
	case *ast.ValueSpec:
		if t, named := spec.Type.(*ast.Ident); named {
			for i, value := range spec.Values {
				if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, _ := strconv.Unquote(literal.Value) // has been parsed
					c.constants[t.Name] = append(c.constants[t.Name], constant{spec.Names[i].Name, text, oneLine(spec.Doc)})
				}
			}
		}
	}
	return true
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}
