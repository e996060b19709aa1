// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/o365messagetrace/o365messagetrace/receiver"
)

// comments are those of types, read from the source of their packages when they are first asked for.
type comments map[string]map[string]typeComments

// typeComments are those of a type.
type typeComments struct {
	// fields are those of its fields, by name.
	fields map[string]string
	// constants are those of the type that are texts.
	constants []constant
}

type constant struct{ name, value, comment string }

// values are the values of the constants that are not empty.
func (t typeComments) values() (all []string) {
	for _, c := range t.constants {
		if c.value != "" {
			all = append(all, c.value)
		}
	}
	return all
}

// of returns the comments of a type.
func (c comments) of(t reflect.Type) (typeComments, error) {
	if t.PkgPath() == "" {
		return typeComments{}, nil
	}
	if c[t.PkgPath()] == nil {
		types, err := readPackage(t.PkgPath())
		if err != nil {
			return typeComments{}, err
		}
		c[t.PkgPath()] = types
	}
	return c[t.PkgPath()][t.Name()], nil
}

func readPackage(path string) (map[string]typeComments, error) {
	where, err := build.Import(path, ".", 0)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, name := range where.GoFiles {
		file, err := parser.ParseFile(set, where.Dir+"/"+name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	p, err := doc.NewFromFiles(set, files, path, doc.AllDecls)
	if err != nil {
		return nil, err
	}
	types := map[string]typeComments{}
	for _, t := range p.Types {
		types[t.Name] = typeComments{fields: fieldsOf(t), constants: constantsOf(t)}
	}
	return types, nil
}

func fieldsOf(t *doc.Type) map[string]string {
	fields := map[string]string{}
	for _, spec := range t.Decl.Specs {
		s, isStruct := spec.(*ast.TypeSpec).Type.(*ast.StructType)
		if !isStruct {
			continue
		}
		for _, field := range s.Fields.List {
			for _, name := range field.Names {
				fields[name.Name] = field.Doc.Text()
			}
		}
	}
	return fields
}

func constantsOf(t *doc.Type) (all []constant) {
	for _, group := range t.Consts {
		for _, spec := range group.Decl.Specs {
			value := spec.(*ast.ValueSpec)
			for i := range value.Values {
				if literal, ok := value.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, err := strconv.Unquote(literal.Value)
					if err != nil {
						panic(literal.Value + " is no text, but has been parsed as one")
					}
					all = append(all, constant{value.Names[i].Name, text, value.Doc.Text()})
				}
			}
		}
	}
	return all
}

// compound matches names of fields such as PollInterval, which are no words.
var compound = regexp.MustCompile(`\b[A-Z]\w*[a-z]\w*[A-Z]\w*\b`)

// keys are the keys of the receiver's configuration by the names of their fields.
var keys = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[receiver.Config]()) {
		if name, _, _ := strings.Cut(field.Tag.Get("mapstructure"), ","); name != "" {
			all[field.Name] = name
		}
	}
	return all
})

// described turns a comment on what is called name into one on the key or the value that is written in a configuration.
func described(comment, name, key string) string {
	text := strings.Join(strings.Fields(comment), " ")
	if rest, named := strings.CutPrefix(text, name+" "); named {
		text = "`" + key + "` " + rest
	}
	return compound.ReplaceAllStringFunc(text, func(name string) string {
		if key, known := keys()[name]; known {
			return "`" + key + "`"
		}
		return name
	})
}
