import type { Group } from "./entry.ts"

export const network: Group = {
  name: "network",
  short: "Manage networks",
  entries: [
    {
      name: "connect",
      short: "Connect a container to a network",
      load: async () => (await import("../commands/network/connect.ts")).connect,
    },
    {
      name: "create",
      short: "Create a network",
      load: async () => (await import("../commands/network/create.ts")).create,
    },
    {
      name: "disconnect",
      short: "Disconnect a container from a network",
      load: async () => (await import("../commands/network/disconnect.ts")).disconnect,
    },
    {
      name: "graph",
      short: "Draw networks with their containers, addresses and ports, as text or SVG",
      load: async () => (await import("../commands/network/graph.ts")).graph,
    },
    {
      name: "inspect",
      short: "Display detailed information on one or more networks",
      load: async () => (await import("../commands/network/inspect.ts")).inspect,
    },
    {
      name: "ls",
      short: "List networks",
      aliases: ["list"],
      load: async () => (await import("../commands/network/ls.ts")).ls,
    },
    {
      name: "prune",
      short: "Remove all unused networks",
      load: async () => (await import("../commands/network/prune.ts")).prune,
    },
    {
      name: "rm",
      short: "Remove one or more networks",
      aliases: ["remove"],
      load: async () => (await import("../commands/network/rm.ts")).rm,
    },
  ],
}
