import type { Group } from "./entry.ts"

export const image: Group = {
  name: "image",
  short: "Manage images",
  entries: [
    {
      name: "bootstrap",
      short: "Make a base image of the distribution's own packages, without a registry",
      load: async () => (await import("../commands/image/bootstrap.ts")).bootstrap,
    },
    {
      name: "copy",
      short: "Copy an image from one registry to another",
      long: () => "Copy an image from one registry to another: nothing is stored on the way",
      load: async () => (await import("../commands/image/copy.ts")).copy,
    },
    {
      name: "history",
      short: "Show the history of an image",
      top: "history",
      load: async () => (await import("../commands/image/history.ts")).history,
    },
    {
      name: "import",
      short: "Import the contents from a tarball to create a filesystem image",
      top: "import",
      load: async () => (await import("../commands/image/import.ts")).importImage,
    },
    {
      name: "inspect",
      short: "Display detailed information on one or more images",
      load: async () => (await import("../commands/image/inspect.ts")).inspect,
    },
    {
      name: "load",
      short: "Load an image from a tar archive or STDIN",
      top: "load",
      load: async () => (await import("../commands/image/load.ts")).load,
    },
    {
      name: "ls",
      short: "List images",
      aliases: ["list"],
      top: "images",
      load: async () => (await import("../commands/image/ls.ts")).ls,
    },
    {
      name: "prune",
      short: "Remove unused images",
      load: async () => (await import("../commands/image/prune.ts")).prune,
    },
    {
      name: "pull",
      short: "Download an image from a registry",
      top: "pull",
      load: async () => (await import("../commands/image/pull.ts")).pull,
    },
    {
      name: "push",
      short: "Upload an image to a registry",
      top: "push",
      load: async () => (await import("../commands/image/push.ts")).push,
    },
    {
      name: "referrers",
      short: "List what refers to an image in its registry",
      long: () => "List what refers to an image in its registry: signatures, SBOMs and attestations",
      load: async () => (await import("../commands/image/referrers.ts")).referrers,
    },
    {
      name: "rm",
      short: "Remove one or more images",
      aliases: ["remove"],
      quietAliases: ["rmi"],
      top: "rmi",
      load: async () => (await import("../commands/image/rm.ts")).rm,
    },
    {
      name: "save",
      short: "Save one or more images to a tar archive (streamed to STDOUT by default)",
      top: "save",
      load: async () => (await import("../commands/image/save.ts")).save,
    },
    {
      name: "tag",
      short: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
      top: "tag",
      load: async () => (await import("../commands/image/tag.ts")).tag,
    },
  ],
}
