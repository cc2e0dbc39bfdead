import type { Group } from "./entry.ts"

export const builder: Group = {
  name: "builder",
  short: "Manage builds",
  unserved: true,
  entries: [
    {
      name: "prune",
      short: "Remove build cache",
      load: async () => (await import("../commands/builder/prune.ts")).prune,
    },
  ],
}
