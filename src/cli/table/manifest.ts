import type { Group } from "./entry.ts"

export const manifest: Group = {
  name: "manifest",
  short: "Manage Docker image manifests and manifest lists",
  usage: "COMMAND",
  entries: [
    {
      name: "annotate",
      short: "Add additional information to a local image manifest",
      load: async () => (await import("../commands/manifest/annotate.ts")).annotate,
    },
    {
      name: "create",
      short: "Create a local manifest list for annotating and pushing to a registry",
      load: async () => (await import("../commands/manifest/create.ts")).create,
    },
    {
      name: "inspect",
      short: "Display an image manifest, or manifest list",
      load: async () => (await import("../commands/manifest/inspect.ts")).inspect,
    },
    {
      name: "push",
      short: "Push a manifest list to a repository",
      load: async () => (await import("../commands/manifest/push.ts")).push,
    },
    {
      name: "rm",
      short: "Delete one or more manifest lists from local storage",
      load: async () => (await import("../commands/manifest/rm.ts")).rm,
    },
  ],
}
