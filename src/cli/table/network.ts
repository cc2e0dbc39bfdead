import type { Group } from "./entry.ts"

export const network: Group = {
  name: "network",
  short: "Manage networks",
  entries: [
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
  ],
}
