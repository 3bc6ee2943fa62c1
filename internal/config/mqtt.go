package config

// brokerEndpoint is the id that the broker has among the endpoints.
const brokerEndpoint = "mqtt"

// MQTT configures the broker that events and states are told to.
type MQTT struct {
	URL          string `yaml:"url" doc:"mqtt://host:1883, or mqtts://host:8883 for TLS; a broker of MQTT 5. Empty: none."`
	Username     string `yaml:"username" doc:"User at the broker. Empty: none is told."`
	Password     Secret `yaml:"password" doc:"The user's password."`
	PasswordFile string `yaml:"password_file" doc:"File that holds the password, in place of password."`
	Prefix       string `yaml:"prefix" doc:"First part of every topic: <prefix>/<camera>/event. No two programs share one at a broker."`
	Discovery    string `yaml:"discovery_prefix" doc:"First part of Home Assistant's discovery topics. Empty: cameras are not announced to Home Assistant."`
	CAFile       string `yaml:"ca_file" doc:"PEM file with the authority that signed the certificate of an mqtts:// broker. Empty: the system's authorities decide."`
}

// validate checks the keys beside each other; what they hold is judged by what talks to the broker.
func (m MQTT) validate(endpoints []Endpoint, bad report) {
	if m.Password != "" && m.PasswordFile != "" {
		bad("mqtt.password_file", "and mqtt.password are both set")
	}
	if m.URL == "" {
		return
	}
	for i, e := range endpoints {
		if e.ID == brokerEndpoint {
			bad("endpoints", "endpoints[%d].id: mqtt is the broker's own name", i)
		}
	}
}
