"""Definitions keep what they work out of their fields; a changed copy must not keep what no longer holds."""

from campaigns.definition import CampaignDefinition, EndStep, When


def test_a_changed_copy_of_a_definition_finds_its_own_steps() -> None:
    one, two = EndStep(id="one"), EndStep(id="two", when=When(condition="dormant"))
    definition = CampaignDefinition(name="letters", audience="everyone", steps=(one,))
    assert definition.step("one") == one
    assert definition.step_after("one") is None
    assert not definition.asked_conditions

    changed = definition.model_copy(update={"steps": (two, one)})

    assert (changed.step("two"), changed.step("one")) == (two, one)
    assert changed.step_after("two") == one
    assert changed.asked_conditions == {"dormant"}
