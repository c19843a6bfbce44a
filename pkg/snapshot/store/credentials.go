package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
)

var errNoKeys = errors.New("the relation s3-credentials has given no credentials yet")

// cloudLimit is how long a cloud may take for the credentials of its machine. Where there is no cloud
// nobody answers at all.
const cloudLimit = 5 * time.Second

// keysOf are the credentials, which are read when they are used.
func keysOf(from v1alpha1.StoreCredentials, related Related, root string) (*credentials.Credentials, error) {
	switch from {
	case v1alpha1.StoreRelation:
		value, err := related.keys()
		if err != nil {
			return nil, err
		}
		return credentials.New(&credentials.Static{Value: value}), nil
	case v1alpha1.StoreMachine:
		return credentials.New(&credentials.IAM{Client: &http.Client{Timeout: cloudLimit}}), nil
	case v1alpha1.StoreFile:
		path := filepath.Join(root, v1alpha1.StoreCredentialsFile)
		if err := private(path); err != nil {
			return nil, fmt.Errorf("%s %w", v1alpha1.StoreCredentialsFile, err)
		}
		keys := credentials.NewFileAWSCredentials(path, "default")
		// The library's words may have what is in the file.
		if value, err := keys.GetWithContext(nil); err != nil || value.AccessKeyID == "" || value.SecretAccessKey == "" {
			return nil, fmt.Errorf("%s has no profile [default] with aws_access_key_id and aws_secret_access_key", v1alpha1.StoreCredentialsFile)
		}
		return keys, nil
	}
	return nil, fmt.Errorf("its credentials are to come from %.40q, which this charm does not know", from)
}

// private is why a file is not for its owner alone, who runs this.
func private(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("is not there")
	}
	if err != nil {
		return errors.New("cannot be looked at")
	}
	return snapshot.Private(info)
}
