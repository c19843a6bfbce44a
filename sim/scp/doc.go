// Package scp copies files to and from the machines of jujusim, as scp does: into a folder that is there, under the source's name, or
// to the name that is given; what is there is overwritten. Copied files get the permissions of their source, less the umask.
//
// # Use
//
// Host is this host's tree, Machine that of a machine, whose relative paths are below the home of the user ubuntu. Copy does it.
//
// # Guarantees
//
//   - Nothing outside of a machine's root is read or written by a path of the machine, whatever links there are in it and whoever
//     changes them meanwhile: links and .. are followed as the machine would, for which its root is /, and what is found so is opened
//     through an os.Root.
//   - A file is not copied onto itself, nor a folder into itself.
//
// A machine's files have no owners of their own: who runs jujusim reads and writes them all.
package scp
