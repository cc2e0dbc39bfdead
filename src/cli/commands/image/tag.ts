import { messageOf } from "../../../errors/failure.ts"
import { familiarName, parseReference, type Reference } from "../../../oci/reference.ts"
import { command, Exit, exactly } from "../../command.ts"

export const tag = command({
  use: "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  args: exactly(2),
  complete: "images",
  flags: {},
  run: async ({ args, docker }) => {
    const target = parseTarget(args[1]!)
    await docker.images.tag(args[0]!, familiarName(target), target.tag ?? "latest")
  },
})

function parseTarget(text: string): Reference {
  let reference: Reference
  try {
    reference = parseReference(text)
  } catch (error) {
    throw new Exit(1, `error parsing reference: "${text}" is not a valid repository/tag: ${messageOf(error)}`)
  }
  if (reference.digest) throw new Exit(1, "refusing to create a tag with a digest reference")
  return reference
}
