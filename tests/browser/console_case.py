"""What the console's tests share: a world, an admin's key, a browser, and how somebody signs in and searches."""

import re
import time

import browser as driver
from browser import harness
from harness import eventually


class ConsoleCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.key = self.world.add_caller("anna", "admin", app=None)
        self.page = driver.Browser(self)
        self.addCleanup(self.no_complaints)
        self.expected_complaints = r"the server responded with a status of 4\d\d|status of 5\d\d"

    def no_complaints(self):
        """Neither a script's error nor the policy's refusal of anything of ours."""
        odd = [text for text in self.page.complaints() if not re.search(self.expected_complaints, text)]
        self.assertEqual(odd, [])

    @property
    def console(self):
        return f"{self.world.daemon.origin}/console/"

    def sign_in(self, key=None):
        self.page.open(self.console)
        self.page.label("API key of an admin", key or self.key)
        self.page.click("button", "Sign in")
        self.page.heading("Overview")

    def find(self, text):
        self.page.fill("searchbox", "User, vehicle or grant", text)
        self.page.press("Enter")

    def dialog(self, action):
        """Asks for something and says yes."""
        self.page.click("button", action)
        self.page.wait("dialog")
        self.page.run("document.querySelector('dialog .actions button:last-child').click()")

    def generation(self, pair):
        return self.world.grant(pair["grant"])["generation"]

    def no_scrolling_sideways(self, where):
        wide = self.page.run("document.documentElement.scrollWidth - window.innerWidth")
        self.assertLessEqual(wide, 0, f"{where} is {wide} px wider than the screen")

    def refuse_refresh(self, user):
        """A grant whose owner took the access back: refused, confirmed, so in need of consent."""
        pair = self.world.import_grant(user)
        other = self.world.import_grant(f"{user}-well")
        self.world.api("POST", f"/v1/grants/{other['grant']}/refresh")  # so that the refusal is believed
        self.sim.post("revoke", user=pair["user_id"])
        self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
        eventually(lambda: self.settled(pair), f"{user} needs consent", harness.PATIENCE * 3)
        return pair

    def settled(self, pair):
        if self.world.grant(pair["grant"])["status"] == "needs_reauth":
            return True
        self.world.api("POST", f"/v1/grants/{pair['grant']}/refresh")
        time.sleep(0.5)
        return False
