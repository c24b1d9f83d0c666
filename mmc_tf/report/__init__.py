"""What the reports of trainings and evaluations share: colours, figures, pages. Nothing here knows either."""
