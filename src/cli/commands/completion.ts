import { command, Exit, exactly } from "../command.ts"
import { completionScript, shells } from "../completion/scripts.ts"

export const completion = command({
  use: "completion bash|fish|zsh",
  args: exactly(1),
  flags: {},
  run: async ({ args, out, program }) => {
    const shell = shells.find((each) => each === args[0])
    if (!shell)
      throw new Exit(1, `there is no completion for ${JSON.stringify(args[0])}; there is for ${shells.join(", ")}`)
    out.write(completionScript(shell, program))
  },
})
