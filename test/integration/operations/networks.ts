import {
  badBodies,
  badFilters,
  badInput,
  conflict,
  filtered,
  notFound,
  type Operations,
  reasons,
  success,
} from "./operation.ts"

/** Of an entry of the list. */
const summary = [
  "Name",
  "Id",
  "Created",
  "Scope",
  "Driver",
  "EnableIPv4",
  "EnableIPv6",
  "IPAM",
  "Internal",
  "Attachable",
  "Ingress",
  "ConfigFrom",
  "ConfigOnly",
  "Options",
  "Labels",
]
const unknown = (path: string, ask = {}) => notFound("is given an unknown one", path, "network no-such not found", ask)

const list = (path: string) => ({
  cases: [
    success("lists", path, 200, { fields: summary }),
    success("says up to 1.51 that it shows no containers", `/v1.51${path}`, 200, {
      fields: [...summary, "Containers"],
    }),
    success("finds by name", `${path}?${filtered({ name: ["{network.name}"] })}`, 200, {
      has: [{ Id: "{network}", Name: "{network.name}", Driver: "bridge" }],
    }),
    ...badFilters(path),
    badInput(
      "is given no boolean",
      `${path}?${filtered({ dangling: ["x"] })}`,
      'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
    ),
    badInput("is given an unknown type", `${path}?${filtered({ type: ["x"] })}`, "invalid filter: 'type'='x'"),
  ],
  never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing },
})

export const networks: Operations = {
  "GET /ports": {
    cases: [success("tells what listens where", "/ports", 200)],
    never: { notFound: reasons.namesNothing, conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "GET /networks": list("/networks"),
  "GET /networks/": list("/networks/"),
  "GET /networks/:id": {
    cases: [
      success("shows one by name", "/networks/{usedNetwork.name}", 200, {
        fields: [...summary, "Containers", "Status"],
        has: {
          Id: "{usedNetwork}",
          Scope: "local",
          Driver: "bridge",
          EnableIPv4: true,
          EnableIPv6: false,
          Internal: false,
          Attachable: false,
          Ingress: false,
          ConfigFrom: { Network: "" },
          ConfigOnly: false,
          Options: {},
          Labels: {},
          IPAM: { Driver: "default", Options: {}, Config: [{ Subnet: String, Gateway: String }] },
          Containers: {
            "{usedNetwork.user}": {
              Name: "{usedNetwork.userName}",
              EndpointID: "{usedNetwork.endpoint}",
              IPv4Address: /\/\d+$/,
              IPv6Address: "",
            },
          },
        },
      }),
      success("shows one by ID", "/networks/{network}", 200, { has: { Containers: {} } }),
      unknown("/networks/no-such"),
    ],
    never: { conflict: reasons.changesNothing, badInput: reasons.noInput },
  },
  "POST /networks/create": {
    cases: [
      success("makes one", "/networks/create", 201, {
        body: { Name: "{new}" },
        equals: { Id: /^[0-9a-f]{64}$/, Warning: "" },
      }),
      notFound(
        "is asked for an unknown driver",
        "/networks/create",
        /^could not find plugin bogus in v1 plugin registry: plugin not found/,
        {
          body: { Name: "{new}", Driver: "bogus" },
        },
      ),
      conflict("is given a taken name", "/networks/create", "network with name {network.name} already exists", {
        body: { Name: "{network.name}" },
      }),
      ...badBodies("/networks/create"),
      badInput("is given no name", "/networks/create", "invalid name: name is empty", { body: { Name: "" } }),
      badInput("is given a bad subnet", "/networks/create", /^invalid network config:\ninvalid subnet x: /, {
        body: { Name: "{new}", IPAM: { Config: [{ Subnet: "x" }] } },
      }),
      {
        shows: "badInput",
        when: "is given a name of Docker's own",
        path: "/networks/create",
        status: 403,
        says: "operation is not permitted on predefined bridge network ",
        body: { Name: "bridge" },
      },
    ],
  },
  "POST /networks/prune": {
    cases: [
      success("removes what nobody uses", `/networks/prune?${filtered({ label: ["none=such"] })}`, 200, {
        equals: { NetworksDeleted: null },
      }),
      ...badFilters("/networks/prune"),
    ],
    never: { notFound: reasons.namesNothing, conflict: "what is in use stays" },
  },
  "POST /networks/:id/connect": {
    cases: [
      success("connects", "/networks/{network}/connect", 200, { body: { Container: "{running}" }, equals: "" }),
      unknown("/networks/no-such/connect", { body: { Container: "{shared}" } }),
      notFound("is given an unknown container", "/networks/{network}/connect", "No such container: no-such", {
        body: { Container: "no-such" },
      }),
      {
        shows: "conflict",
        when: "is given one that is connected",
        path: "/networks/{usedNetwork}/connect",
        status: 403,
        says: "endpoint with name {usedNetwork.userName} already exists in network {usedNetwork.name}",
        body: { Container: "{usedNetwork.user}" },
      },
      ...badBodies("/networks/{network}/connect"),
      badInput("is given a bad address", "/networks/{network}/connect", /invalid IPv4 address: x/, {
        body: { Container: "{running}", EndpointConfig: { IPAMConfig: { IPv4Address: "x" } } },
      }),
    ],
  },
  "POST /networks/:id/disconnect": {
    cases: [
      success("disconnects", "/networks/{usedNetwork}/disconnect", 200, {
        body: { Container: "{usedNetwork.user}" },
        equals: "",
      }),
      unknown("/networks/no-such/disconnect", { body: { Container: "{shared}" } }),
      notFound("is given an unknown container", "/networks/{network}/disconnect", "No such container: no-such", {
        body: { Container: "no-such" },
      }),
      {
        shows: "conflict",
        when: "is given one that is not connected",
        path: "/networks/{network}/disconnect",
        status: 500,
        says: "container {shared} is not connected to network {network.name}",
        body: { Container: "shared" },
      },
      ...badBodies("/networks/{network}/disconnect"),
    ],
  },
  "DELETE /networks/:id": {
    cases: [
      success("removes", "/networks/{network}", 204),
      unknown("/networks/no-such"),
      {
        shows: "conflict",
        when: "is given one that is in use",
        path: "/networks/{usedNetwork}",
        status: 403,
        says: 'error while removing network: network {usedNetwork.name} has active endpoints (name:"{usedNetwork.userName}" id:"{usedNetwork.endpointShort}")',
      },
      {
        shows: "badInput",
        when: "is given one of Docker's own",
        path: "/networks/bridge",
        status: 403,
        says: "bridge is a pre-defined network and cannot be removed",
      },
    ],
  },
}
