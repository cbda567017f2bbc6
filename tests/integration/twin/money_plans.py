"""Registers, resolutions and reversals that are likely to meet others."""

from dataclasses import replace
from datetime import date, timedelta
from random import Random

from osms.values import format_month, month_of
from osms_client import (
    Correction,
    PaymentKey,
    PaymentRow,
    Refund,
    Register,
    RegisterTotals,
    Resolution,
    Reversal,
    ReversalLine,
)
from tests.integration.people import new_reference
from tests.integration.twin.cast import Cast, some
from tests.integration.twin.deeds import SENDER, Resolve
from tests.integration.twin.money import NO_IIN, NO_MONTH, NO_PURPOSE, Money

AMOUNTS_TIYN = (425_000, 425_000, 100)


class MoneyPlans:
    """Makes deeds about money; knows those that it made before in the same step."""

    def __init__(self, cast: Cast, money: Money, today: date) -> None:
        self._cast = cast
        self._money = money
        self._today = today
        self.registers = [register for register, _ in money.registers.values()]
        """What was sent, or will be."""
        self.reversals: list[Reversal] = []
        """What will be sent in this step."""

    def register(self, random: Random, *, bad: bool = False) -> Register:
        """Return a new register for one person or two, with one bad row or two if it is bad."""
        rows: list[PaymentRow] = []
        for iin in random.sample(self._cast.people, random.choice((1, 1, 2))):
            first = month_of(self._today) + random.randint(-13, 1)
            count, amount = random.choice((1, 2, 6, 12)), random.choice(AMOUNTS_TIYN)
            purpose = random.choice(("", "", "", "124"))
            rows += [
                PaymentRow(
                    line_no=len(rows) + offset + 1,
                    iin=iin,
                    period=format_month(first + offset),
                    amount_tiyn=amount,
                    purpose_code=purpose,
                )
                for offset in range(count)
            ]
        if bad:
            for place in some(random, range(len(rows)), 2):
                wrong = ({"iin": NO_IIN}, {"period": NO_MONTH}, {"purpose_code": NO_PURPOSE})
                rows[place] = replace(rows[place], **random.choice(wrong))  # type: ignore[arg-type] # a field's name
        register = Register(
            source=SENDER,
            reference=new_reference(),
            received_on=self._today - timedelta(random.choice((0, 0, 10, 40))),
            purpose_code="122",
            declared=RegisterTotals(
                people=len({row.iin for row in rows}),
                documents=1,
                amount_tiyn=sum(row.amount_tiyn for row in rows),
            ),
            rows=tuple(rows),
        )
        self.registers.append(register)
        return register

    def miscounted(self, random: Random) -> Register:
        """Return a new register whose totals do not match."""
        register = self.register(random)
        self.registers.remove(register)
        amount = register.declared.amount_tiyn + 1
        return replace(register, declared=replace(register.declared, amount_tiyn=amount))

    def otherwise(self, random: Random) -> Register:
        """Return a register that differs in one thing from one with the same reference."""
        register = random.choice(self.registers[-4:])
        first, *others = register.rows
        match random.randrange(3):
            case 0:
                day = register.received_on - timedelta(1)
                other = replace(register, received_on=day)
            case 1:
                more = replace(first, amount_tiyn=first.amount_tiyn + 1)
                amount = register.declared.amount_tiyn + 1
                declared = replace(register.declared, amount_tiyn=amount)
                other = replace(register, rows=(more, *others), declared=declared)
            case _:
                other = replace(register, rows=(replace(first, period="2019-05"), *others))
        return other

    def suspended(self) -> list[tuple[Register, PaymentRow]]:
        """Return rows that are, or will be, in suspense, or were."""
        bad = (NO_IIN, NO_MONTH, NO_PURPOSE)
        return [
            (register, row)
            for register in self.registers[-6:]
            for row in register.rows
            if row.iin in bad or row.period in bad or row.purpose_code in bad
        ]

    def resolution(self, random: Random) -> Resolve:
        """Return what to do with a few suspended rows, and perhaps with one that is not there."""
        resolutions: list[Resolution] = []
        for register, row in some(random, self.suspended(), 3):
            key = {"source": SENDER, "reference": register.reference}
            if random.random() < 0.4:
                resolutions.append(Refund(**key, line_no=row.line_no))
                continue
            iin = self._cast.people[random.randrange(2)] if row.iin == NO_IIN else row.iin
            period = format_month(month_of(self._today)) if row.period == NO_MONTH else row.period
            right = replace(row, iin=iin, period=period, purpose_code="122")
            resolutions.append(Correction(**key, line_no=row.line_no, row=right))
        if random.random() < 0.2:
            register = self.registers[-1]
            resolutions.append(Refund(source=SENDER, reference=register.reference, line_no=99))
        return Resolve(tuple(resolutions))

    def reversal(self, random: Random) -> Reversal:
        """Return a new reversal; often of what another client is about to reverse, too."""
        if self.reversals and random.random() < 0.5:
            return replace(self.reversals[-1], reversal_reference=new_reference())
        register = random.choice(self.registers[-3:])
        lines = []
        all_rows, part = list(register.rows), random.choice(("whole", "whole", "half", "any"))
        rows = all_rows if random.random() < 0.5 else some(random, all_rows, 3)
        for number, row in enumerate(rows, start=1):
            whole = row.amount_tiyn
            amounts = {"whole": whole, "half": whole // 2}
            amount = amounts.get(part, whole + random.choice((-1, 1)))
            iin = row.iin if row.iin != NO_IIN else self._cast.people[random.randrange(2)]
            key = PaymentKey(
                source=SENDER, reference=register.reference, line_no=row.line_no, iin=iin
            )
            lines.append(
                ReversalLine(line_no=number, payment=key, amount_tiyn=amount, reason_code="00111")
            )
        reversal = Reversal(
            source=SENDER,
            reversal_reference=new_reference(),
            reversed_on=self._today,
            lines=tuple(lines),
        )
        self.reversals.append(reversal)
        return reversal

    def reversal_again(self, random: Random) -> Reversal:
        """Return a reversal that was sent before, or one that differs from it in its amounts."""
        known = [
            Reversal(
                source=SENDER,
                reversal_reference=reference,
                reversed_on=taken.reversed_on,
                lines=(taken.line,),
            )
            for (reference, _), taken in self._money.taken.items()
        ]
        again = random.choice([*known[-4:], *self.reversals])
        if random.random() < 0.6:
            return again
        less = [replace(line, amount_tiyn=line.amount_tiyn + 1) for line in again.lines]
        return replace(again, lines=tuple(less))
