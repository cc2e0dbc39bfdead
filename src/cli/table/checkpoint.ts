import type { Group } from "./entry.ts"

export const checkpoint: Group = {
  name: "checkpoint",
  short: "Manage checkpoints",
  experimental: true,
  entries: [
    {
      name: "create",
      short: "Create a checkpoint from a running container",
      load: async () => (await import("../commands/checkpoint/create.ts")).create,
    },
    {
      name: "ls",
      short: "List checkpoints for a container",
      aliases: ["list"],
      load: async () => (await import("../commands/checkpoint/ls.ts")).ls,
    },
    {
      name: "rm",
      short: "Remove a checkpoint",
      aliases: ["remove"],
      load: async () => (await import("../commands/checkpoint/rm.ts")).rm,
    },
  ],
}
