// Package routers reads out of an engine's source which routes it serves and how it reads their query parameters.
package routers

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Route is one of an engine's routes.
type Route struct {
	Method, Pattern string
	// Parameters are the query parameters that its handler reads, and how: bool (false for "", 0, no, false and none, true for
	// all else), parsebool (what strconv.ParseBool takes), list (all values), filters (JSON, decoded as filters), or text.
	Parameters map[string]string
}

// String is a line: GET /containers/json all=bool limit=text.
func (r Route) String() string {
	line := r.Method + " " + r.Pattern
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		line += " " + name + "=" + r.Parameters[name]
	}
	return line
}

// Read reads the packages below a folder of routers.
func Read(dir string) ([]Route, error) {
	var routes []Route
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		found, err := readPackage(path)
		routes = append(routes, found...)
		return err
	})
	slices.SortFunc(routes, func(a, b Route) int {
		return strings.Compare(a.Pattern+" "+a.Method, b.Pattern+" "+b.Method)
	})
	return routes, err
}

// router is the source of one package.
type router struct {
	functions map[string]*ast.FuncDecl
	routes    []Route
}

func readPackage(dir string) ([]Route, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	r := router{functions: map[string]*ast.FuncDecl{}}
	var parsed []*ast.File
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
		for _, d := range f.Decls {
			if function, ok := d.(*ast.FuncDecl); ok && function.Body != nil {
				r.functions[function.Name.Name] = function
			}
		}
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && err == nil {
				err = r.route(call)
			}
			return err == nil
		})
	}
	return r.routes, err
}

// route reads router.NewGetRoute("/info", r.getInfo).
func (r *router) route(call *ast.CallExpr) error {
	name := selector(call.Fun)
	method, isRoute := strings.CutSuffix(strings.TrimPrefix(name, "New"), "Route")
	if !isRoute || method == "" || !strings.HasPrefix(name, "New") || len(call.Args) < 2 {
		return nil
	}
	pattern, ok := text(call.Args[0])
	if !ok {
		return nil // how router.NewRoute is defined
	}
	route := Route{Method: strings.ToUpper(method), Pattern: pattern, Parameters: map[string]string{}}
	if handler := selector(call.Args[1]); handler != "" {
		if r.functions[handler] == nil {
			return fmt.Errorf("%s %s: its handler %s is not in its package", route.Method, pattern, handler)
		}
		r.read(handler, route.Parameters, map[string]bool{})
	}
	r.routes = append(r.routes, route)
	return nil
}

// read notes what a function reads, and those of its package that it calls.
func (r *router) read(name string, parameters map[string]string, seen map[string]bool) {
	function := r.functions[name]
	if function == nil || seen[name] {
		return
	}
	seen[name] = true
	note := func(parameter, kind string) {
		if old := parameters[parameter]; old == "" || old == "text" {
			parameters[parameter] = kind
		}
	}
	// Of "if value := r.Form.Get(name)" what becomes of value, and of a function that reads the parameter it is given, what
	// it is given.
	variables := map[string]string{}
	readers := map[string]bool{}
	ast.Inspect(function.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 && len(n.Rhs) == 1 {
				variable, _ := n.Lhs[0].(*ast.Ident)
				if parameter, ok := reads(n.Rhs[0]); ok && variable != nil {
					variables[variable.Name] = parameter
				}
				if closure, ok := n.Rhs[0].(*ast.FuncLit); ok && variable != nil && readsArgument(closure) {
					readers[variable.Name] = true
				}
			}
		case *ast.IndexExpr:
			if isForm(n.X) {
				if parameter, ok := text(n.Index); ok {
					note(parameter, "list")
				}
			}
		case *ast.CallExpr:
			if parameter, ok := reads(n); ok {
				note(parameter, "text")
			}
			called := selector(n.Fun)
			var argument string
			if len(n.Args) > 1 {
				argument, _ = text(n.Args[1])
			}
			switch {
			case called == "BoolValue" || called == "BoolValueOrDefault":
				note(argument, "bool")
			case called == "Int64ValueOrZero" || called == "Int64ValueOrDefault" || called == "Uint32Value":
				note(argument, "text")
			case called == "ArchiveFormValues":
				note("path", "text")
			case called == "FromJSON" && len(n.Args) == 1:
				if parameter, ok := reads(n.Args[0]); ok {
					note(parameter, "filters")
				}
			case called == "ParseBool" && len(n.Args) == 1:
				if value, ok := n.Args[0].(*ast.Ident); ok && variables[value.Name] != "" {
					note(variables[value.Name], "parsebool")
				}
			case readers[called] && len(n.Args) == 1:
				if parameter, ok := text(n.Args[0]); ok {
					note(parameter, "text")
				}
			default:
				r.read(called, parameters, seen)
			}
		}
		return true
	})
}

// reads tells which parameter r.Form.Get("x"), r.FormValue("x") or r.URL.Query().Get("x") reads.
func reads(e ast.Expr) (parameter string, ok bool) {
	call, isCall := e.(*ast.CallExpr)
	if !isCall || len(call.Args) != 1 {
		return "", false
	}
	s, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector {
		return "", false
	}
	if s.Sel.Name != "FormValue" && (s.Sel.Name != "Get" || !isForm(s.X)) {
		return "", false
	}
	return text(call.Args[0])
}

func readsArgument(closure *ast.FuncLit) (found bool) {
	ast.Inspect(closure.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 && selector(call.Fun) == "FormValue" {
			_, isName := call.Args[0].(*ast.Ident)
			found = found || isName
		}
		return true
	})
	return found
}

// isForm tells whether an expression is a request's Form or the result of its URL's Query method.
func isForm(e ast.Expr) bool {
	if call, ok := e.(*ast.CallExpr); ok {
		return selector(call.Fun) == "Query"
	}
	s, ok := e.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Form"
}

// selector is the last name of a function: getInfo of r.getInfo.
func selector(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.Ident:
		return e.Name
	}
	return ""
}

func text(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}
