import type { Group } from "./entry.ts"

export const system: Group = {
  name: "system",
  short: "Manage Docker",
  entries: [
    {
      name: "df",
      short: "Show docker disk usage",
      load: async () => (await import("../commands/system/df.ts")).df,
    },
    {
      name: "dial-stdio",
      short: "Proxy the stdio stream to the daemon connection. Should not be invoked manually.",
      hidden: true,
      load: async () => (await import("../commands/system/dial-stdio.ts")).dialStdio,
    },
    {
      name: "events",
      short: "Get real time events from the server",
      top: "events",
      load: async () => (await import("../commands/system/events.ts")).events,
    },
    {
      name: "info",
      short: "Display system-wide information",
      top: "info",
      load: async () => (await import("../commands/system/info.ts")).info,
    },
    {
      name: "prune",
      short: "Remove unused data",
      load: async () => (await import("../commands/system/prune.ts")).prune,
    },
  ],
}
