import { command, noArgs } from "../../command.ts"

export const show = command({
  use: "show",
  args: noArgs,
  flags: {},
  run: async ({ contexts, out }) => out.line(contexts.current),
})
