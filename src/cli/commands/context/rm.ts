import { atLeast, command } from "../../command.ts"
import { forEachReporting } from "../../each.ts"
import { bool } from "../../flags/flag.ts"

export const rm = command({
  use: "rm CONTEXT [CONTEXT...]",
  args: atLeast(1),
  complete: "contexts",
  flags: { force: bool("f", "Force the removal of a context in use") },
  run: ({ args, flags, contexts, config, out }) =>
    forEachReporting(args, async (name) => {
      const quoted = JSON.stringify(name)
      if (name === "default") throw new Error('context "default" cannot be removed')
      if (name === contexts.current) {
        if (!flags.force) throw new Error(`context ${quoted} is in use, set -f flag to force remove`)
        config.update({ currentContext: undefined })
      }
      if (!flags.force && !contexts.store.has(name)) throw new Error(`context ${quoted} does not exist`)
      contexts.store.remove(name)
      out.line(name)
    }),
})
