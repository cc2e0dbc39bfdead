/** What does the work of a command that Barge does not have. `program` is how Barge was called. */
type Advice = (program: string) => string

const building: Advice = (program) =>
  `Barge has no builder yet. Build with another program and load the image:
  buildah build -t NAME . && buildah push NAME docker-archive:image.tar:NAME && ${program} load -i image.tar
Or change a container and keep it as an image: ${program} run …, then ${program} commit CONTAINER NAME`

const composing: Advice = () =>
  `Barge has no compose of its own yet. Docker's works with it:
  DOCKER_HOST=unix:///run/barge/barge.sock docker-compose up`

const clustering: Advice = (program) =>
  `Barge has no swarm mode: it runs the containers of one machine. For several containers that belong together use docker-compose:
  DOCKER_HOST=unix:///run/barge/barge.sock docker-compose up
One container that comes back by itself: ${program} run -d --restart unless-stopped …`

const signing: Advice = (program) =>
  `Barge has no content trust. Which images must be signed, and by whom, is said to the daemon: ${program} daemon --signature-policy FILE`

/** By the words after the program's name. */
const absent: Readonly<Record<string, Advice>> = {
  bake: building,
  build: building,
  "builder build": building,
  buildx: building,
  compose: composing,
  config: clustering,
  "image build": building,
  node: clustering,
  secret: clustering,
  service: clustering,
  stack: clustering,
  trust: signing,
}

/**
 * What to say to a command that docker, or a plugin of it, has and Barge has not.
 * @returns undefined for words that mean no command to docker either
 */
export function adviceInstead(words: readonly string[], program: string): string | undefined {
  const known = [words.slice(0, 2).join(" "), words[0] ?? ""].find((name) => Object.hasOwn(absent, name))
  if (known === undefined) return undefined
  return `${program}: there is no command ${JSON.stringify(`${program} ${known}`)} here. ${absent[known]!(program)}`
}
