import { text } from "../../flags/flag.ts"

/** What a node says about itself; `init` and `join` take it. */
export const nodeFlags = {
  "advertise-addr": text("", 'Advertised address (format: "<ip|interface>[:port]")'),
  availability: text("", 'Availability of the node ("active", "pause", "drain")', "active"),
  "data-path-addr": text("", 'Address or interface to use for data path traffic (format: "<ip|interface>")'),
  "listen-addr": {
    ...text("", 'Listen address (format: "<ip|interface>[:port]")', "0.0.0.0:2377"),
    type: "node-addr",
    shownDefault: "0.0.0.0:2377",
  },
}
