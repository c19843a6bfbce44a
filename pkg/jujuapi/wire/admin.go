package wire

import "encoding/json"

// LoginRequest is the parameters of Admin.Login, version 3. Its String and GoString do not show the credentials.
type LoginRequest struct {
	// AuthTag is "user-NAME".
	AuthTag       string            `json:"auth-tag"`
	Credentials   string            `json:"credentials"`
	Nonce         string            `json:"nonce"`
	Macaroons     []json.RawMessage `json:"macaroons"`
	BakeryVersion int64             `json:"bakery-version,omitempty"`
	Token         string            `json:"token,omitempty"`
	CLIArgs       string            `json:"cli-args,omitempty"`
	UserData      string            `json:"user-data"`
	ClientVersion string            `json:"client-version,omitempty"`
}

// String shows who logs in, and nothing secret.
func (r LoginRequest) String() string { return "login of " + r.AuthTag }

// GoString shows who logs in, and nothing secret.
func (r LoginRequest) GoString() string { return r.String() }

// LoginResult is the result of Admin.Login: a session, or a demand for a macaroon discharge.
type LoginResult struct {
	DischargeRequired       json.RawMessage `json:"discharge-required,omitempty"`
	BakeryDischargeRequired json.RawMessage `json:"bakery-discharge-required,omitempty"`
	DischargeRequiredReason string          `json:"discharge-required-error,omitempty"`

	// Servers has one inner list for each controller machine.
	Servers       [][]HostPort `json:"servers,omitempty"`
	PublicDNSName string       `json:"public-dns-name,omitempty"`
	// ModelTag is there on a model's path only.
	ModelTag      string           `json:"model-tag,omitempty"`
	ControllerTag string           `json:"controller-tag,omitempty"`
	UserInfo      *AuthUserInfo    `json:"user-info,omitempty"`
	Facades       []FacadeVersions `json:"facades,omitempty"`
	ServerVersion string           `json:"server-version,omitempty"`
}

// HostPort is an address of a controller.
type HostPort struct {
	Value       string `json:"value"`
	CIDR        string `json:"cidr,omitempty"`
	Type        string `json:"type"`
	Scope       string `json:"scope"`
	SpaceName   string `json:"space-name,omitempty"`
	SpaceID     string `json:"space-id,omitempty"`
	ConfigType  string `json:"config-type,omitempty"`
	IsSecondary bool   `json:"is-secondary,omitempty"`
	Port        int    `json:"port"`
}

// AuthUserInfo is who logged in.
type AuthUserInfo struct {
	DisplayName      string  `json:"display-name"`
	Identity         string  `json:"identity"`
	LastConnection   *string `json:"last-connection,omitempty"`
	Credentials      *string `json:"credentials,omitempty"`
	ControllerAccess string  `json:"controller-access"`
	// ModelAccess is "admin" for a superuser even without a grant on the model.
	ModelAccess string `json:"model-access"`
}

// FacadeVersions is a facade that the connection offers. Permissions do not shorten the list.
type FacadeVersions struct {
	Name     string `json:"name"`
	Versions []int  `json:"versions"`
}

// RedirectErrorInfo is the error-info of a login that was redirected because the model has moved.
type RedirectErrorInfo struct {
	Servers         [][]HostPort `json:"servers"`
	CACert          string       `json:"ca-cert"`
	ControllerTag   string       `json:"controller-tag,omitempty"`
	ControllerAlias string       `json:"controller-alias,omitempty"`
}
