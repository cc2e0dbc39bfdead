import type { Group } from "./entry.ts"

export const swarm: Group = {
  name: "swarm",
  short: "Manage Swarm",
  section: "Swarm Commands",
  unserved: true,
  entries: [
    {
      name: "init",
      short: "Initialize a swarm",
      load: async () => (await import("../commands/swarm/init.ts")).init,
    },
    {
      name: "join",
      short: "Join a swarm as a node and/or manager",
      load: async () => (await import("../commands/swarm/join.ts")).join,
    },
    {
      name: "leave",
      short: "Leave the swarm",
      hidden: true,
      load: async () => (await import("../commands/swarm/leave.ts")).leave,
    },
  ],
}
