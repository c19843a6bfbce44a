package server

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim/model"
)

// resourcePath is where clients upload a resource to, and fetch it from.
const resourcePath = "/model/{uuid}/applications/{application}/resources/{name}"

// Keep writes an upload into a folder, where it stays as it is.
func Keep(dir, name string, from io.Reader) (model.Upload, error) {
	fail := func(err error) (model.Upload, error) {
		return model.Upload{}, fmt.Errorf("cannot keep %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	to, err := os.CreateTemp(dir, "")
	if err != nil {
		return fail(err)
	}
	sum := sha512.New384()
	size, err := io.Copy(io.MultiWriter(to, sum), from)
	if err = errors.Join(err, to.Close()); err != nil {
		return fail(errors.Join(err, os.Remove(to.Name())))
	}
	return model.Upload{Name: name, File: to.Name(), Size: size, Fingerprint: sum.Sum(nil)}, nil
}

// resourceHandler answers as Juju does: with JSON, and a code of HTTP that is not always the error's
// own.
func (s *Server) resourceHandler(need model.Access, answer func(http.ResponseWriter, *http.Request, *call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{ctx: r.Context(), server: s}
		err := s.admit(r, c, need)
		if err == nil {
			err = answer(w, r, c)
		}
		if err == nil {
			return
		}
		failed := toWire(err)
		code := map[string]int{wire.CodeUnauthorized: http.StatusUnauthorized, wire.CodeModelNotFound: http.StatusNotFound}[failed.Code]
		if code == 0 {
			code = http.StatusInternalServerError
		}
		answerJSON(w, code, map[string]any{"error": failed})
	}
}

func answerJSON(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body) // a client that has gone needs no answer
}

// admit finds the model, and lets in who may do there what is needed.
func (s *Server) admit(r *http.Request, c *call, need model.Access) error {
	tag, password, _ := r.BasicAuth()
	user, ok := wire.ID(tag, "user")
	if !ok || !s.controller.Authenticate(user, password) {
		return failure(wire.CodeUnauthorized, "invalid entity name or password")
	}
	id := r.PathValue("uuid")
	if c.model, ok = s.controller.Model(id); !ok {
		return failure(wire.CodeModelNotFound, fmt.Sprintf("unknown model: %q", id))
	}
	c.user = user
	if !s.allowed(c, method{need: need}) {
		return errPermission
	}
	if message, blocked := s.blocks.change(id); blocked && need == model.Write {
		return failure(wire.CodeOperationBlocked, message)
	}
	return nil
}

// takeResource is juju attach-resource.
func (s *Server) takeResource(w http.ResponseWriter, r *http.Request, c *call) error {
	said, err := hex.DecodeString(r.Header.Get("Content-Sha384"))
	if err != nil || len(said) != sha512.Size384 {
		return failure("not valid", "parsing fingerprint: invalid fingerprint (too small)")
	}
	_, disposition, err := mime.ParseMediaType(r.Header.Get("Content-Disposition"))
	if err != nil {
		return failure(wire.CodeBadRequest, fmt.Sprintf("badly formatted Content-Disposition: %v", err))
	}
	file, err := new(mime.WordDecoder).DecodeHeader(disposition["filename"])
	if err != nil {
		return failure(wire.CodeBadRequest, fmt.Sprintf("badly formatted Content-Disposition: %v", err))
	}
	u, err := Keep(s.uploads, file, r.Body)
	if err != nil {
		return err
	}
	application, name := r.PathValue("application"), r.PathValue("name")
	if string(said) != string(u.Fingerprint) {
		err = failure("not valid", "resource does not match its fingerprint")
	} else {
		err = c.model.AttachResource(application, name, c.user, u)
	}
	if err != nil {
		return errors.Join(err, os.Remove(u.File))
	}
	all, _, err := c.model.Resources(application)
	if err != nil {
		return err
	}
	for _, one := range shownResources(application, all) {
		if one.Name == name {
			answerJSON(w, http.StatusOK, map[string]any{"resource": one})
		}
	}
	return nil
}

// giveResource lets a client have it back.
func (s *Server) giveResource(w http.ResponseWriter, r *http.Request, c *call) error {
	application, name := r.PathValue("application"), r.PathValue("name")
	all, _, err := c.model.Resources(application)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(one model.Resource) bool { return one.Declared == name && one.File != "" })
	if i < 0 {
		return failure("not found", fmt.Sprintf("resource %q not found", name))
	}
	content, err := os.Open(all[i].File)
	if err != nil {
		return err
	}
	defer content.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = io.Copy(w, content) // a client that has gone needs no answer
	return nil
}
