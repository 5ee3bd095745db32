// Ticks, quantities, snoozes and notes: each is sent when it is made, and the line shows what was kept.
"use strict";

const wait = new Map();
let last = Promise.resolve();

function say(row, problem, isRefused, nearest) {
  const place = row.querySelector(".problem");
  const input = row.querySelector("[name=quantity]");
  place.textContent = problem || "";
  for (const quantity of nearest || []) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = quantity;
    button.addEventListener("click", () => { input.value = quantity; decide(row, "quantity", quantity); });
    place.append(" ", button);
  }
  input.classList.toggle("refused", Boolean(isRefused));
  input.setAttribute("aria-invalid", isRefused ? "true" : "false");
}

async function check(row, quantity) {
  const words = new URLSearchParams({ ...row.dataset, quantity });
  const answer = await fetch(`/check?${words}`);
  const found = await answer.json();
  // A later keystroke has asked again: what this one says is old.
  if (row.querySelector("[name=quantity]").value === quantity) say(row, found.problem, found.is_refused, found.nearest);
}

// One after the other: what was clicked last is kept, and shown.
function decide(row, field, value) {
  last = last.then(() => send(row, field, value));
}

async function send(row, field, value) {
  row.dataset.saving = "yes";
  try {
    const answer = await fetch("/decide", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ warehouse: row.dataset.warehouse, sku: row.dataset.sku, field, value }),
    });
    const kept = await answer.json();
    if (!answer.ok) {
      say(row, kept.problem, true, []);
      return;
    }
    row.querySelector(".state").innerHTML = kept.row;
    row.querySelector(".value").textContent = kept.value;
    row.querySelector("[name=ticked]").checked = kept.is_ticked;
    row.classList.toggle("is-ticked", kept.is_ticked);
    if (field === "forget" || field === "confirm") row.querySelector("[name=quantity]").value = kept.quantity;
    if (field === "forget") for (const name of ["snoozed_until", "note"]) row.querySelector(`[name=${name}]`).value = "";
    const order = document.querySelector(".order-state");
    if (order) order.innerHTML = kept.order;
    if (field === "quantity") await check(row, row.querySelector("[name=quantity]").value);
  } catch (error) {
    say(row, "It could not be kept: the dashboard does not answer.", true, []);
  } finally {
    delete row.dataset.saving;
  }
}

for (const row of document.querySelectorAll("tr.line")) {
  row.classList.toggle("is-ticked", row.querySelector("[name=ticked]").checked);
  row.addEventListener("input", ({ target }) => {
    if (target.name !== "quantity") return;
    clearTimeout(wait.get(row));
    wait.set(row, setTimeout(() => check(row, target.value), 120));
  });
  row.addEventListener("change", ({ target }) => {
    clearTimeout(wait.get(row));
    decide(row, target.name, target.type === "checkbox" ? target.checked : target.value);
  });
  row.addEventListener("click", ({ target }) => {
    if (target.dataset.field) decide(row, target.dataset.field, true);
  });
}
