/* SPDX-License-Identifier: GPL-2.0-only */
(function () {
	"use strict";

	/* For whoever tests the page: errors are counted where they can be seen */
	addEventListener("error", function () {
		var root = document.documentElement;

		root.dataset.errors = Number(root.dataset.errors || 0) + 1;
	});

	var tests = Array.from(document.querySelectorAll("details.test"));
	var filter = document.getElementById("filter");
	var unpassed = document.getElementById("unpassed");
	var shown = document.getElementById("shown");
	var unfold = document.getElementById("unfold");

	function choose() {
		var wanted = filter.value.trim().toLowerCase(), count = 0;

		tests.forEach(function (test) {
			var fits = test.dataset.name.toLowerCase().includes(wanted) &&
				!(unpassed.checked && test.classList.contains("passed"));

			test.hidden = !fits;
			count += fits;
		});
		shown.textContent = count + (count === 1 ? " test" : " tests");
	}

	function unfold_all() {
		var open = tests.some(function (test) { return !test.hidden && !test.open; });

		tests.forEach(function (test) { test.open = open; });
		unfold.textContent = open ? "close all" : "open all";
	}

	/* A link into something folded opens it */
	function reveal() {
		var name = location.hash.slice(1);
		var place = name && document.getElementById(name), around;

		if (!place)
			return;
		for (around = place; around; around = around.parentElement)
			if (around.tagName === "DETAILS")
				around.open = true;
		place.scrollIntoView();
	}

	if (filter) {
		filter.form.addEventListener("submit", function (event) { event.preventDefault(); });
		filter.addEventListener("input", choose);
		unpassed.addEventListener("change", choose);
		unfold.addEventListener("click", unfold_all);
	}
	addEventListener("hashchange", reveal);
	reveal();
	document.documentElement.dataset.ready = "yes";
}());
