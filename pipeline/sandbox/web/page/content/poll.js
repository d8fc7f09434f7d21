/** A poll: its question, and its options to vote for. */

import { button, make } from "../dom.js";
import { marked } from "./markup.js";

/** What is ticked and not sent, by the message and its person: it stays while others vote. */
const ticked = new Map();

/** `name`: of the person's choice in this message. `mine`: the options that the person chose before; `vote(option indexes)` is called with the new choice. */
export function pollOf(poll, mine, name, vote) {
  const voted = mine.length > 0;
  const several = poll.allows_multiple_answers;
  const fixed = poll.is_closed || (voted && poll.allows_revoting === false);
  const place = `${poll.id}/${name}`;
  const chosen = new Set(ticked.get(place) ?? mine);
  const send = options => {
    ticked.delete(place);
    vote(options);
  };
  const inOrder = () => [...chosen].sort((a, b) => a - b);
  const sending = button("Vote", () => send(inOrder()), { focus: "vote", class: "light", disabled: !chosen.size });
  const options = poll.options.map((option, at) => {
    const share = poll.total_voter_count ? Math.round((100 * option.voter_count) / poll.total_voter_count) : 0;
    const input = make("input", {
      type: several ? "checkbox" : "radio",
      name,
      checked: chosen.has(at),
      disabled: fixed,
      "data-focus": `option:${at}`,
      onchange: () => {
        if (!several) return send([at]);
        if (input.checked) chosen.add(at);
        else chosen.delete(at);
        ticked.set(place, chosen);
        sending.disabled = !chosen.size;
      },
    });
    const right = (poll.correct_option_ids ?? [poll.correct_option_id]).includes(at);
    const result =
      voted || poll.is_closed
        ? [
            make("meter", { min: 0, max: 100, value: share, "aria-hidden": "true" }),
            make("span", { class: "share" }, `${share} %`),
          ]
        : [];
    return make(
      "label",
      { class: voted && right && poll.type === "quiz" ? "option right" : "option" },
      input,
      make("span", { dir: "auto" }, marked(option.text, option.text_entities), right && fixed ? " ✓" : ""),
      result,
    );
  });
  const state = [
    poll.is_anonymous ? "Anonymous" : "Public",
    poll.type === "quiz" ? "quiz" : "poll",
    several ? "· several answers" : "",
    poll.is_closed ? "· closed" : "",
    `· ${poll.total_voter_count} vote${poll.total_voter_count === 1 ? "" : "s"}`,
  ]
    .filter(Boolean)
    .join(" ");
  return make(
    "fieldset",
    { class: "poll" },
    make("legend", { dir: "auto" }, marked(poll.question, poll.question_entities)),
    options,
    several && !fixed && sending,
    voted && !fixed && button("Take the vote back", () => send([]), { focus: "retract", class: "light" }),
    fixed && poll.explanation && make("p", { dir: "auto" }, marked(poll.explanation, poll.explanation_entities)),
    make("p", { class: "faint" }, state),
  );
}
