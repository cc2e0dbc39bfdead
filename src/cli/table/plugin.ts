import type { Group } from "./entry.ts"

const state = () => import("../commands/plugin/state.ts")
const transfer = () => import("../commands/plugin/transfer.ts")

export const plugin: Group = {
  name: "plugin",
  short: "Manage plugins",
  unserved: true,
  entries: [
    {
      name: "create",
      short:
        "Create a plugin from a rootfs and configuration. Plugin data directory must contain config.json and rootfs directory.",
      load: async () => (await transfer()).create,
    },
    { name: "disable", short: "Disable a plugin", load: async () => (await state()).disable },
    { name: "enable", short: "Enable a plugin", load: async () => (await state()).enable },
    {
      name: "inspect",
      short: "Display detailed information on one or more plugins",
      load: async () => (await state()).inspect,
    },
    { name: "install", short: "Install a plugin", load: async () => (await transfer()).install },
    {
      name: "ls",
      short: "List plugins",
      aliases: ["list"],
      load: async () => (await import("../commands/plugin/ls.ts")).ls,
    },
    { name: "push", short: "Push a plugin to a registry", load: async () => (await transfer()).push },
    {
      name: "rm",
      short: "Remove one or more plugins",
      aliases: ["remove"],
      load: async () => (await state()).rm,
    },
    { name: "set", short: "Change settings for a plugin", load: async () => (await state()).set },
    { name: "upgrade", short: "Upgrade an existing plugin", load: async () => (await transfer()).upgrade },
  ],
}
