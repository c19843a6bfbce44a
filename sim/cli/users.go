package cli

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/jujuapi/wire"
	"jujuetcd.io/sim"
	"jujuetcd.io/sim/server"
)

func (a *App) addModel() *cobra.Command {
	return &cobra.Command{
		Use: "add-model NAME", Short: "Add a model", Args: exactly("name"),
		RunE: func(c *cobra.Command, args []string) error {
			m, err := a.client().AddModel(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Err, "Added '%s' model (%s) for user '%s'\n", m.Name, m.UUID, m.Owner)
			return nil
		},
	}
}

// modelsData is what juju models shows.
type modelsData struct {
	Models []modelEntry `json:"models"`
}

type modelEntry struct {
	Name      string `json:"name"`
	ShortName string `json:"short-name"`
	UUID      string `json:"model-uuid"`
	Type      string `json:"model-type"`
}

func (a *App) models() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use: "models", Aliases: []string{"list-models"}, Short: "List models", Args: exactly(),
		RunE: func(c *cobra.Command, _ []string) error {
			var list wire.UserModelList
			if err := a.controllerCall(c.Context(), "ModelManager", 10, "ListModels", wire.Entity{Tag: wire.UserTag(sim.Admin)}, &list); err != nil {
				return err
			}
			var data modelsData
			t := newTable("Model", "UUID", "Type")
			for _, m := range list.UserModels {
				owner, _ := wire.ID(m.Model.OwnerTag, "user")
				entry := modelEntry{owner + "/" + m.Model.Name, m.Model.Name, m.Model.UUID, m.Model.Type}
				data.Models = append(data.Models, entry)
				t.add(entry.Name, entry.UUID, entry.Type)
			}
			if format != "tabular" {
				return a.print(format, data)
			}
			fmt.Fprintf(a.Out, "Controller: %s\n\n%s", sim.ControllerName, t)
			return nil
		},
	}
	formatFlag(c, &format, "tabular", "tabular", "yaml", "json")
	return c
}

func (a *App) addUser() *cobra.Command {
	c := &cobra.Command{
		Use: "add-user NAME [DISPLAY-NAME]", Short: "Add a user and print the password", Args: between(1, 2, "name"),
		Long: "Add-user makes a user who may log in, and prints a generated password. Give access to a model with grant.",
		RunE: func(c *cobra.Command, args []string) error {
			user := server.AddUser{Username: args[0], Password: newPassword()}
			if len(args) > 1 {
				user.DisplayName = args[1]
			}
			var results server.AddUserResults
			if err := a.controllerCall(c.Context(), "UserManager", 3, "AddUser", server.AddUsers{Users: []server.AddUser{user}}, &results); err != nil {
				return err
			}
			for _, r := range results.Results {
				if r.Error != nil {
					return errors.New(r.Error.Message)
				}
			}
			fmt.Fprintf(a.Err, "User %q added. Password:\n", args[0])
			fmt.Fprintln(a.Out, user.Password)
			return nil
		},
	}
	return c
}

func newPassword() string {
	random := make([]byte, 18)
	rand.Read(random) // Never fails, says its doc.
	return base64.RawURLEncoding.EncodeToString(random)
}

func (a *App) changePassword() *cobra.Command {
	var stdin bool
	c := &cobra.Command{
		Use: "change-password [NAME]", Short: "Change a user's password", Args: between(0, 1, "name"),
		Long: "Change-password prints a new, generated password, or takes one from the standard input (--stdin).",
		RunE: func(c *cobra.Command, args []string) error {
			change := server.SetPassword{Tag: wire.UserTag(sim.Admin), Password: newPassword()}
			if len(args) > 0 {
				change.Tag = wire.UserTag(args[0])
			}
			if stdin {
				text, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
				if err != nil && !errors.Is(err, io.EOF) {
					return fmt.Errorf("cannot read the password: %w", err)
				}
				change.Password = strings.TrimRight(text, "\r\n")
			}
			var results wire.ErrorResults
			params := server.SetPasswords{Changes: []server.SetPassword{change}}
			if err := a.controllerCall(c.Context(), "UserManager", 3, "SetPassword", params, &results); err != nil {
				return err
			}
			if err := firstError(results); err != nil {
				return err
			}
			if !stdin {
				fmt.Fprintln(a.Out, change.Password)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&stdin, "stdin", false, "read the password from the standard input")
	return c
}

// grant is grant and revoke.
func (a *App) grant(action string) *cobra.Command {
	short := "Give a user access to models"
	if action == "revoke" {
		short = "Take a user's access to models away"
	}
	return &cobra.Command{
		Use: action + " USER read|write|admin MODEL ...", Short: short, Args: atLeast(3, "user", "access", "model"),
		RunE: func(c *cobra.Command, args []string) error {
			if args[1] != "read" && args[1] != "write" && args[1] != "admin" {
				return usage("%s: unknown access %q: there are read, write and admin", action, args[1])
			}
			info, err := a.client().Info(c.Context())
			if err != nil {
				return err
			}
			var params server.ModifyAccess
			for _, name := range args[2:] {
				id := ""
				for _, m := range info.Models {
					if name == m.Name || name == m.Owner+"/"+m.Name || name == m.UUID {
						id = m.UUID
					}
				}
				if id == "" {
					return fmt.Errorf("model %q not found", name)
				}
				params.Changes = append(params.Changes, server.AccessChange{
					UserTag: wire.UserTag(args[0]), Action: action, Access: args[1], ModelTag: wire.ModelTag(id),
				})
			}
			var results wire.ErrorResults
			if err := a.controllerCall(c.Context(), "ModelManager", 10, "ModifyModelAccess", params, &results); err != nil {
				return err
			}
			return firstError(results)
		},
	}
}
