import type { Group } from "./entry.ts"

export const volume: Group = {
  name: "volume",
  short: "Manage volumes",
  usage: "COMMAND",
  entries: [
    {
      name: "create",
      short: "Create a volume",
      load: async () => (await import("../commands/volume/create.ts")).create,
    },
    {
      name: "inspect",
      short: "Display detailed information on one or more volumes",
      load: async () => (await import("../commands/volume/inspect.ts")).inspect,
    },
    {
      name: "ls",
      short: "List volumes",
      aliases: ["list"],
      load: async () => (await import("../commands/volume/ls.ts")).ls,
    },
    {
      name: "prune",
      short: "Remove unused local volumes",
      load: async () => (await import("../commands/volume/prune.ts")).prune,
    },
    {
      name: "rm",
      short: "Remove one or more volumes",
      long: () => "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
      aliases: ["remove"],
      load: async () => (await import("../commands/volume/rm.ts")).rm,
    },
  ],
}
