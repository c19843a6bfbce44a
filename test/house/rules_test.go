package house

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

func largeFiles(files []file) (faults []string) {
	for _, f := range files {
		if f.lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, and may have %d: split it by concern", f.path, f.lines, maxFileLines))
		}
	}
	return faults
}

func longFunctions(files []file) (faults []string) {
	for _, f := range files {
		for _, one := range f.functions {
			if one.lines > maxFunctionLines {
				faults = append(faults, fmt.Sprintf("%s:%d: %s has %d lines, and may have %d", f.path, one.line, one.name, one.lines, maxFunctionLines))
			}
		}
	}
	return faults
}

// methodsOf counts the methods of each type in a folder and below it.
func methodsOf(files []file, folder string) map[string]int {
	methods := map[string]int{}
	for _, f := range files {
		if f.folder() != folder && !strings.HasPrefix(f.folder(), folder+"/") {
			continue
		}
		for _, one := range f.functions {
			if one.receiver != "" {
				methods[f.folder()+"."+one.receiver]++
			}
		}
	}
	return methods
}

func broadTypes(methods map[string]int) (faults []string) {
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		if methods[name] > maxMethods {
			faults = append(faults, fmt.Sprintf("%s has %d methods, and may have %d: give what it does to several types", name, methods[name], maxMethods))
		}
	}
	return faults
}

// floorOf is where each package stands.
func floorOf(floors [][]string) map[string]int {
	of := map[string]int{}
	for floor, packages := range floors {
		for _, p := range packages {
			of[p] = floor
		}
	}
	return of
}

// upward finds the imports that do not go to a lower floor, and the packages without one; and counts
// the pairs of packages.
func upward(files []file, of map[string]int) (faults []string, arrows int) {
	seen := map[string]bool{}
	for _, f := range files {
		from, known := of[f.folder()]
		if !known && !seen[f.folder()] {
			faults = append(faults, fmt.Sprintf("%s stands on no floor: put it into layers_test.go, above all that it imports", f.folder()))
		}
		seen[f.folder()] = true
		for _, imported := range f.imports {
			arrow := f.folder() + " → " + imported
			if seen[arrow] {
				continue
			}
			seen[arrow] = true
			arrows++
			if to, there := of[imported]; known && there && to >= from {
				faults = append(faults, fmt.Sprintf("%s does not go down: from floor %d to floor %d", arrow, from, to))
			}
		}
	}
	return faults, arrows
}

// onMap says whether the table has the package: in full, as pkg/a/b; or as b in a row that begins
// with pkg/a or with another room of it; or by the one row of its top folder.
func onMap(table, name string) bool {
	top, _, _ := strings.Cut(name, "/")
	slash := strings.LastIndex(name, "/")
	if strings.Contains(table, "`"+name+"`") || strings.Contains(table, "| `"+top+"` |") || strings.Contains(table, "| `"+top+"/…` |") {
		return true
	}
	if slash < 0 {
		return false
	}
	row := "(?m)^\\| `" + regexp.QuoteMeta(name[:slash]) + "(/[^/`]*)?`[^|]*`" + regexp.QuoteMeta(name[slash+1:]) + "`"
	return regexp.MustCompile(row).MatchString(table)
}
