import type { Events } from "../../events/contract.ts"
import type { Container } from "./container.ts"

/** Publishes an event of a container in Docker's form: its labels, image and name, and `attributes` of the action. */
export function publish(
  context: { readonly events: Pick<Events, "publish"> },
  container: Container,
  action: string,
  attributes: Readonly<Record<string, string>> = {},
): void {
  const { id, name } = container
  const { Labels, Image } = container.document.config
  let joined: Readonly<Record<string, string>> | undefined
  context.events.publish({
    Type: "container",
    Action: action,
    Actor: {
      ID: id,
      // Joined when a subscriber reads them: most events have no subscriber, and labels may be megabytes.
      get Attributes() {
        joined ??= { ...Labels, ...attributes, image: Image, name }
        return joined
      },
    },
  })
}
