import type { Graphics } from "../devices/graphics.ts";
import type { DomainDefinition } from "../model.ts";
import { isQemu, numbered, refuse } from "./refuse.ts";

/** Screens, how they are seen, and what is heard. */
export function checkGraphics(definition: DomainDefinition): void {
  for (const [graphics, path] of numbered(definition.devices.graphics, "devices/graphics")) {
    checkListens(graphics, path);
    if (graphics.type === "dbus" && graphics.p2p === true && graphics.address !== undefined)
      refuse(`${path}/@address`, "a connection of two has no address on a bus");
  }
  if (isQemu(definition)) checkOpenGl(definition);
  checkVideos(definition);
  checkAudio(definition);
}

function checkListens(graphics: Graphics, path: string): void {
  if (!("listens" in graphics)) return;
  const [first] = graphics.listens;
  const socket = graphics.type === "vnc" ? graphics.socket : undefined;
  if (first?.type === "address" && differ(first.address, graphics.listen))
    refuse(
      `${path}/listen/@address`,
      `the address ${first.address} is not that of the attribute listen, ${graphics.listen}`,
      "leave the attribute out",
    );
  if (first?.type === "socket" && differ(first.socket, socket))
    refuse(
      `${path}/listen/@socket`,
      `the socket ${first.socket} is not that of the attribute socket, ${socket}`,
      "leave the attribute out",
    );
  for (const [listen, place] of numbered(graphics.listens, `${path}/listen`)) {
    if (listen.type === "network" && listen.network === undefined)
      refuse(place, "it is not said which network", "add network='default'");
    if ((listen.type === "socket" || listen.type === "none") && graphics.type === "rdp")
      refuse(`${place}/@type`, `graphics of type rdp cannot listen on ${listen.type}`);
  }
}

function differ(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

function checkOpenGl({ devices }: DomainDefinition): void {
  const { graphics } = devices;
  const headless = graphics.findIndex(({ type }) => type === "egl-headless");
  const egl = graphics[headless];
  if (egl === undefined) return;
  const path = `devices/graphics[${headless + 1}]`;
  if (graphics.some(({ type }) => !["egl-headless", "vnc", "spice"].includes(type)))
    refuse(path, "egl-headless draws for VNC or SPICE", "add graphics of one of the two");
  const other = graphics.find((g) => g.type !== "egl-headless" && "gl" in g && g.gl?.enable === true);
  if (other !== undefined)
    refuse(path, `${other.type} draws with OpenGL already`, "leave one of the two out");
}

function checkVideos({ devices }: DomainDefinition): void {
  const { videos } = devices;
  const primaries = videos.filter((v) => v.model?.primary === true);
  for (const [video, path] of numbered(videos, "devices/video")) {
    const { model } = video;
    if (model?.type === "none" && videos.length > 1)
      refuse(`${path}/model/@type`, "a guest without a screen has no other", "leave the others out");
    if (model?.primary === true && video !== primaries[0])
      refuse(`${path}/model/@primary`, "only one screen is the primary one");
    if (video.driver?.name === "vhostuser" && model?.type !== "virtio")
      refuse(`${path}/driver/@name`, "vhostuser is for a screen of type virtio");
    if (model?.type === "ramfb" && video.address !== undefined)
      refuse(`${path}/address`, "a screen of type ramfb is not on a bus");
    for (const [name, value] of Object.entries({
      ram: model?.ram,
      vram64: model?.vram64,
      vgamem: model?.vgamem,
    })) {
      if (value !== undefined && value > 0 && model?.type !== "qxl")
        refuse(`${path}/model/@${name}`, `a screen of type ${model?.type} has no ${name}, only qxl has`);
    }
  }
}

function checkAudio({ devices }: DomainDefinition): void {
  const ids = new Set<number>();
  for (const [audio, path] of numbered(devices.audios, "devices/audio")) {
    if (ids.has(audio.id)) refuse(`${path}/@id`, `two host sides of sound have the id ${audio.id}`);
    ids.add(audio.id);
  }
  for (const [sound, path] of numbered(devices.sounds, "devices/sound")) {
    if (sound.audio !== undefined && !ids.has(sound.audio))
      refuse(`${path}/audio/@id`, `there is no <audio> with the id ${sound.audio}`);
  }
  for (const [graphics, path] of numbered(devices.graphics, "devices/graphics")) {
    if (graphics.type === "vnc" && graphics.audio !== undefined && !ids.has(graphics.audio))
      refuse(`${path}/audio/@id`, `there is no <audio> with the id ${graphics.audio}`);
  }
}
