// Command local-path-helper makes or removes the folder of one volume for
// local-path-provisioner, in place of the shell scripts of its manifest: an
// image with a shell would have to be built before the cluster starts.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	folder := flag.String("p", "", "path of the volume's folder")
	action := flag.String("a", "", "create or delete")
	flag.String("s", "", "size in bytes (not used)")
	flag.String("m", "", "mode of the volume (not used)")
	flag.Parse()
	if err := act(*action, *folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// act makes a folder that every user may write to, or removes a folder.
func act(action, folder string) error {
	switch {
	case folder == "":
		return fmt.Errorf("-p is missing")
	case action == "create":
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		return os.Chmod(folder, 0o777) // whatever the umask is
	case action == "delete":
		return os.RemoveAll(folder)
	}
	return fmt.Errorf("-a must be create or delete, not %q", action)
}
