// Block Kit, as Slack draws it: one function for each type of block. What can be tapped calls back.
import { h, safe } from "./dom.js";
import { mrkdwn, plain } from "./mrkdwn.js";

// blocks draws a message's blocks. tap(block, element, node) is called for buttons, menu(block, element, node) for menus.
export function blocks(list, context) {
  return list.map((b) => (draw[b.type] ?? unknown)(b, context));
}

export function text(object, names) {
  return object.type === "mrkdwn" ? mrkdwn(object.text, names) : plain(object.text);
}

const draw = {
  header: (b) => h("h3", { class: "b-header" }, plain(b.text.text)),
  divider: () => h("hr"),
  context: (b, c) => h("div", { class: "b-context" }, b.elements.map((e) => (e.type === "image" ? picture(e, "b-small") : h("span", {}, text(e, c.names))))),
  image: (b) => h("figure", { class: "b-image" }, b.title ? h("figcaption", {}, plain(b.title.text)) : null, picture(b, "b-large")),
  actions: (b, c) => h("div", { class: "b-actions" }, b.elements.map((e) => control(b, e, c))),
  section: (b, c) => {
    const fields = (b.fields ?? []).map((f) => h("div", { class: "b-field" }, text(f, c.names)));
    return h("div", { class: "b-section" },
      h("div", { class: "b-body" }, b.text ? h("div", { class: "b-text" }, text(b.text, c.names)) : null,
        fields.length ? h("div", { class: "b-fields" }, fields) : null),
      b.accessory ? h("div", { class: "b-accessory" }, b.accessory.type === "image" ? picture(b.accessory, "b-thumb") : control(b, b.accessory, c)) : null);
  },
};

function unknown(b) {
  return h("div", { class: "b-unknown" }, `(a block of type ${b.type}, which this phone does not draw)`);
}

function picture(image, kind) {
  const url = image.slack_file ? `/files/${encodeURIComponent(image.slack_file.id ?? "")}` : safe(image.image_url ?? "");
  return h("img", { class: kind, src: url, alt: image.alt_text, loading: "lazy" });
}

function control(block, element, context) {
  const ids = { "data-block": block.block_id, "data-action": element.action_id };
  if (element.type === "button") {
    const node = h("button", { type: "button", class: `b-button ${element.style ?? ""}`, ...ids, "aria-label": element.accessibility_label }, plain(element.text.text));
    node.addEventListener("click", () => context.tap(block, element, node));
    return node;
  }
  if (element.type === "overflow") {
    const node = h("button", { type: "button", class: "b-button b-more", ...ids, "aria-label": "More actions", "aria-haspopup": "menu" }, h("span", { "aria-hidden": "true" }, "•••"));
    node.addEventListener("click", () => context.menu(block, element, node));
    return node;
  }
  return h("span", { class: "b-unknown" }, `(${element.type})`);
}
